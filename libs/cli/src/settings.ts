import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfigFile } from './config-file.ts';
import { CannotRun } from './gateway.ts';

/*
 * Where the gateway is and as whom it is asked. Each value comes from the environment, else from the profile. If neither
 * has an address or a key, the file that a local system writes into its folder is used: all of it or nothing, so that
 * its keys are sent to no other server.
 */

export const SETTINGS = {
  url: { env: 'ERRAND_URL', isSecret: false, about: 'address of the gateway' },
  tenant: { env: 'ERRAND_TENANT', isSecret: false, about: 'whose jobs' },
  api_key: { env: 'ERRAND_API_KEY', isSecret: true, about: 'a key of the tenant' },
  admin_key: { env: 'ERRAND_ADMIN_KEY', isSecret: true, about: 'the admin key of the gateway' },
} as const;

export type SettingName = keyof typeof SETTINGS;
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

export interface Setting {
  readonly value: string;
  /** Such as `ERRAND_URL`, or a file. */
  readonly from: string;
}

export type Settings = Readonly<Partial<Record<SettingName, Setting>>>;

/** @throws CannotRun where a file cannot be read, or there is no such profile */
export async function readSettings(given: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
  readonly profile: string | undefined;
}): Promise<Settings> {
  const { env, folder } = given;
  const file = await readConfigFile(env);
  const name = profileName(given, file.content.current);
  const profile = file.content.profiles[name];
  if (!profile && given.profile !== undefined) {
    throw new CannotRun(`${file.path} has no profile ${name}; errand config list names those it has`);
  }
  const settings: Partial<Record<SettingName, Setting>> = {};
  for (const setting of SETTING_NAMES) {
    const fromEnv = env[SETTINGS[setting].env] ?? '';
    const fromFile = profile?.[setting] ?? '';
    if (fromEnv !== '') settings[setting] = { value: fromEnv, from: SETTINGS[setting].env };
    else if (fromFile !== '') settings[setting] = { value: fromFile, from: `${file.path}, profile ${name}` };
  }
  const isSet = settings.url ?? settings.api_key ?? settings.admin_key;
  return isSet ? settings : { ...(await readLocalFile(folder)), ...settings };
}

/** The profile that is asked for, else the current one. */
export function profileName(
  { env, profile }: { env: Readonly<Record<string, string | undefined>>; profile: string | undefined },
  current: string,
): string {
  return profile ?? (env.ERRAND_PROFILE || current);
}

/** What `npm start` and `npm run dev` write while they run. */
async function readLocalFile(folder: string): Promise<Settings> {
  const path = join(folder, '.errand', 'local.json');
  let content: Record<string, unknown>;
  try {
    content = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  } catch {
    return {};
  }
  const { url, tenant_id: tenant, api_key, admin_key } = content;
  const known = Object.entries({ url, tenant, api_key, admin_key }).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return Object.fromEntries(known.map(([name, value]) => [name, { value, from: path }]));
}

/** The values of these settings. @throws CannotRun naming the first that is missing */
export function needSettings<N extends SettingName>(settings: Settings, ...names: N[]): Record<N, string> {
  const found = names.map((name) => {
    const { env, about } = SETTINGS[name];
    const value = settings[name]?.value;
    if (value === undefined) {
      const example = name === 'url' ? ', such as http://127.0.0.1:8080' : '';
      throw new CannotRun(
        `set ${env} to the ${about.replace(/^(?:the|a) /, '')}${example}, or: errand config set ${name} <value>`,
      );
    }
    if (name === 'url' && !isAddress(value)) {
      throw new CannotRun(`${settings.url?.from}: '${value}' is no address such as http://127.0.0.1:8080`);
    }
    return [name, value];
  });
  return Object.fromEntries(found);
}

function isAddress(value: string): boolean {
  return /^https?:\/\//i.test(value) && URL.canParse(value);
}
