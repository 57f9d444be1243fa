import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { configPath, writeConfigFile } from './config-file.ts';
import { needSettings, readSettings } from './settings.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'errand-settings-'));
});
afterEach(() => rm(dir, { recursive: true }));

const LOCAL = { url: 'http://127.0.0.1:1', tenant_id: 'local', api_key: 'k', admin_key: 'a', pids: {} };

async function writeLocal(content: unknown): Promise<void> {
  await mkdir(join(dir, '.errand'));
  await writeFile(join(dir, '.errand', 'local.json'), JSON.stringify(content));
}

const read = (env: Record<string, string> = {}, profile?: string) =>
  readSettings({ env: { XDG_CONFIG_HOME: dir, ...env }, folder: dir, profile });

async function keep(profiles: Record<string, Record<string, string>>, current = 'default'): Promise<void> {
  await writeConfigFile({ path: configPath({ XDG_CONFIG_HOME: dir }), content: { current, profiles } });
}

test('the environment goes before the profile, value by value', async () => {
  await keep({ default: { url: 'http://kept', tenant: 'kept', api_key: 'kept' } });
  const settings = await read({ ERRAND_TENANT: 'given', ERRAND_API_KEY: '' });
  expect(settings.tenant).toEqual({ value: 'given', from: 'ERRAND_TENANT' });
  expect(settings.url).toMatchObject({
    value: 'http://kept',
    from: expect.stringContaining('profile default'),
  });
  expect(settings.api_key?.value).toBe('kept');
});

test('a profile is chosen by option, by environment, else by the file', async () => {
  await keep({ a: { tenant: 'a' }, b: { tenant: 'b' }, c: { tenant: 'c' } }, 'c');
  expect((await read({ ERRAND_PROFILE: 'b' }, 'a')).tenant?.value).toBe('a');
  expect((await read({ ERRAND_PROFILE: 'b' })).tenant?.value).toBe('b');
  expect((await read()).tenant?.value).toBe('c');
  await expect(read({}, 'd')).rejects.toThrow('has no profile d');
});

test('the file of a local system counts as a whole, and only where no address and no key is set', async () => {
  await writeLocal(LOCAL);
  expect(needSettings(await read(), 'url', 'tenant', 'api_key')).toEqual({
    ...{ url: LOCAL.url, tenant: 'local', api_key: 'k' },
  });
  expect((await read({ ERRAND_TENANT: 'other' })).tenant?.value).toBe('other');
  expect(await read({ ERRAND_URL: 'http://elsewhere' })).toEqual({
    url: { value: 'http://elsewhere', from: 'ERRAND_URL' },
  });
  await keep({ default: { api_key: 'kept' } });
  expect((await read()).url).toBeUndefined();
});

test('a file that is something else is told, not used', async () => {
  await mkdir(join(dir, 'errand'));
  await writeFile(join(dir, 'errand', 'config.json'), '{"profiles": 7}');
  await expect(read()).rejects.toThrow('is no file of settings');
});

test('an address that is none is told with where it comes from', async () => {
  const settings = await read({ ERRAND_URL: 'localhost:8080' });
  expect(() => needSettings(settings, 'url')).toThrow("ERRAND_URL: 'localhost:8080' is no address");
});
