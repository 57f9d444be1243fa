import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TenantId } from '@errand/contracts';
import { CannotRun } from '../cannot-run.ts';
import { profileOf, readConfigFile } from './config-file.ts';

/*
 * Where the gateway is and as whom it is asked. Each value comes from the environment, else from the profile. If
 * neither has an address or a key, the file that a local system writes into its folder is used: all of it or nothing,
 * so that its keys are sent to no other server. For the same reason, a profile's address for admins does not count beside
 * another gateway's address from the environment.
 */

interface SettingKind {
  readonly env: string;
  readonly isSecret: boolean;
  readonly about: string;
  /** What is wrong with a value, if anything; a secret is not shown. */
  readonly faultOf: (value: string) => string | undefined;
}

const WITH_KEY = { isSecret: true, faultOf: keyFaultOf } as const;

export const SETTINGS = {
  url: { env: 'ERRAND_URL', isSecret: false, about: 'the address of the gateway', faultOf: addressFaultOf },
  admin_url: {
    env: 'ERRAND_ADMIN_URL',
    isSecret: false,
    about: 'the address for the admin key, if it has one of its own',
    faultOf: addressFaultOf,
  },
  tenant: { env: 'ERRAND_TENANT', isSecret: false, about: 'the id of the tenant', faultOf: tenantFaultOf },
  api_key: { env: 'ERRAND_API_KEY', about: 'a key of the tenant', ...WITH_KEY },
  admin_key: { env: 'ERRAND_ADMIN_KEY', about: 'the admin key of the gateway', ...WITH_KEY },
} as const satisfies Record<string, SettingKind>;

export type SettingName = keyof typeof SETTINGS;
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

export interface Setting {
  readonly value: string;
  /** Such as `ERRAND_URL`, or a file. */
  readonly from: string;
}

export type Settings = Readonly<Partial<Record<SettingName, Setting>>>;

/** @throws CannotRun if a file cannot be read, or there is no such profile */
export async function readSettings(given: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
  readonly profile: string | undefined;
}): Promise<Settings> {
  const { env, folder } = given;
  const file = await readConfigFile(env);
  const name = profileName(given, file.content.current);
  const profile = profileOf(file.content, name);
  if (!profile && given.profile !== undefined) {
    throw new CannotRun(`${file.path} has no profile ${name}; errand config list shows its profiles`);
  }
  const settings: Partial<Record<SettingName, Setting>> = {};
  for (const setting of SETTING_NAMES) {
    const fromEnv = env[SETTINGS[setting].env] ?? '';
    const fromFile = profile?.[setting] ?? '';
    if (fromEnv !== '') settings[setting] = { value: fromEnv, from: SETTINGS[setting].env };
    else if (fromFile !== '') settings[setting] = { value: fromFile, from: `${file.path}, profile ${name}` };
  }
  const isUrlGiven = settings.url?.from === SETTINGS.url.env;
  if (isUrlGiven && settings.admin_url?.from !== SETTINGS.admin_url.env) delete settings.admin_url;
  return elsewhereIn(settings) ? settings : { ...(await readLocalFile(folder)), ...settings };
}

/** The profile that was requested, else the current one. */
export function profileName(
  { env, profile }: { env: Readonly<Record<string, string | undefined>>; profile: string | undefined },
  current: string,
): string {
  return profile ?? (env.ERRAND_PROFILE || current);
}

/** The first setting that points away from a local system; undefined if none does. */
function elsewhereIn({ url, admin_url, api_key, admin_key }: Settings): Setting | undefined {
  return url ?? admin_url ?? api_key ?? admin_key;
}

function localPath(folder: string): string {
  return join(folder, '.errand', 'local.json');
}

/** What `errand dev` and the repository's `npm start` write while they run. */
async function readLocalFile(folder: string): Promise<Settings> {
  const path = localPath(folder);
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

/** Why a local system does not fill in what is missing. */
export async function whyNotLocal(settings: Settings, folder: string): Promise<string> {
  const isThere = Object.keys(await readLocalFile(folder)).length > 0;
  const elsewhere = elsewhereIn(settings);
  if (!isThere) return 'No local system runs in this folder; `errand dev` starts one that needs no settings.';
  if (!elsewhere || elsewhere.from === localPath(folder)) return '';
  return `${localPath(folder)} was ignored, because ${elsewhere.from} sets an address or a key.`;
}

/** The values of these settings. @throws CannotRun naming the first that is missing or makes no sense */
export function needSettings<N extends SettingName>(settings: Settings, ...names: N[]): Record<N, string> {
  const found = names.map((name) => {
    const { env, about, faultOf } = SETTINGS[name];
    const setting = settings[name];
    if (setting === undefined) {
      const example = name === 'url' ? ', such as http://127.0.0.1:8080' : '';
      throw new MissingSetting(`set ${env} to ${about}${example}, or: errand config set ${name} <value>`);
    }
    const fault = faultOf(setting.value);
    if (fault !== undefined) throw new CannotRun(`${setting.from}: ${fault}`);
    return [name, setting.value];
  });
  return Object.fromEntries(found);
}

/** A setting that was not given. */
export class MissingSetting extends CannotRun {}

function addressFaultOf(value: string): string | undefined {
  const isAddress = /^https?:\/\//i.test(value) && URL.canParse(value);
  return isAddress ? undefined : `'${value}' is not an address such as http://127.0.0.1:8080`;
}

function tenantFaultOf(value: string): string | undefined {
  const isTenant = TenantId.safeParse(value).success;
  return isTenant ? undefined : `'${value}' is not a tenant id: 1-64 letters, digits, _ or -`;
}

/** What HTTP allows in a header, without spaces. */
function keyFaultOf(value: string): string | undefined {
  return /^[\x21-\x7e]+$/.test(value) ? undefined : 'it contains characters that no key has';
}
