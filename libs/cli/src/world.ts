import { createErrand } from '@errand/client';
import { CannotRun } from './cannot-run.ts';
import type { Asked, Surroundings, World } from './command.ts';
import { createGateway } from './gateway.ts';
import { plainLines } from './output/text.ts';
import {
  MissingSetting,
  needSettings,
  readSettings,
  type Setting,
  type SettingName,
  type Settings,
  whyNotLocal,
} from './settings/settings.ts';

/** A command's access to the world; settings are read once, when first needed. */
export function createWorld(
  surroundings: Surroundings,
  { json, profile }: { json: boolean; profile: string | undefined },
): World {
  const { env, folder, stderr, signal } = surroundings;
  let read: Promise<Settings> | undefined;
  let asked: Asked | undefined;
  const settings = () => {
    read ??= readSettings({ env, folder, profile });
    return read;
  };

  async function settingsAt(place: object): Promise<Settings> {
    const given = Object.entries(place).filter(([, value]) => value !== undefined);
    const over = given.map(([name, value]) => [name, { value, from: `--${name}` }]);
    return { ...(await settings()), ...Object.fromEntries(over) };
  }

  async function need<N extends SettingName>(known: Settings, ...names: N[]): Promise<Record<N, string>> {
    try {
      return needSettings(known, ...names);
    } catch (error) {
      if (!(error instanceof MissingSetting)) throw error;
      throw new CannotRun(`${error.message}. ${await whyNotLocal(known, folder)}`.trimEnd());
    }
  }

  return {
    ...surroundings,
    json,
    profile,
    settings,
    asked: () => asked,
    say: (line) => void stderr.write(`${plainLines(line)}\n`),
    async gateway() {
      const known = await settings();
      const place = known.admin_url ? 'admin_url' : 'url';
      const { [place]: base, admin_key: key } = await need(known, place, 'admin_key');
      asked = askedWith(known[place], known.admin_key, 'admin key');
      return createGateway({ base, key, signal });
    },
    async tenant(place = {}) {
      const known = await settingsAt(place);
      const { url, tenant, api_key: key } = await need(known, 'url', 'tenant', 'api_key');
      asked = askedWith(known.url, known.api_key, 'API key');
      return createGateway({ base: `${url.replace(/\/+$/, '')}/v2/tenants/${tenant}`, key, signal });
    },
    async errand(place = {}, patience = {}) {
      const known = await settingsAt(place);
      const { url, tenant, api_key: apiKey } = await need(known, 'url', 'tenant', 'api_key');
      asked = askedWith(known.url, known.api_key, 'API key');
      return createErrand({ url, tenant, apiKey, ...patience });
    },
  };
}

function askedWith(
  url: Setting | undefined,
  key: Setting | undefined,
  keyName: Asked['keyName'],
): Asked | undefined {
  return url && key ? { url, keyName, key } : undefined;
}
