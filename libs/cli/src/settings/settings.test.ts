import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from '../../test/command.ts';
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

test('the environment takes precedence over the profile, value by value', async () => {
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

test('the file of a local system counts as a whole, and only if no address and no key is set', async () => {
  await writeLocal(LOCAL);
  expect(needSettings(await read(), 'url', 'tenant', 'api_key')).toEqual({
    url: LOCAL.url,
    tenant: 'local',
    api_key: 'k',
  });
  expect((await read({ ERRAND_TENANT: 'other' })).tenant?.value).toBe('other');
  expect(await read({ ERRAND_URL: 'http://elsewhere' })).toEqual({
    url: { value: 'http://elsewhere', from: 'ERRAND_URL' },
  });
  await keep({ default: { api_key: 'kept' } });
  expect((await read()).url).toBeUndefined();
});

test('the address for admins is that of its own setting, but a profile has none for the gateway of the environment', async () => {
  await keep({ default: { url: 'http://kept', admin_url: 'http://kept:9090', admin_key: 'kept' } });
  expect((await read()).admin_url?.value).toBe('http://kept:9090');
  expect((await read({ ERRAND_URL: 'http://given' })).admin_url).toBeUndefined();
  const given = await read({ ERRAND_URL: 'http://given', ERRAND_ADMIN_URL: 'http://given:9090' });
  expect(given.admin_url).toEqual({ value: 'http://given:9090', from: 'ERRAND_ADMIN_URL' });
  expect((await read({ ERRAND_ADMIN_URL: 'http://given:9090' })).url?.value).toBe('http://kept');
});

test('an address for admins alone keeps the keys of a local system at home', async () => {
  await writeLocal(LOCAL);
  expect(await read({ ERRAND_ADMIN_URL: 'http://elsewhere' })).toEqual({
    admin_url: { value: 'http://elsewhere', from: 'ERRAND_ADMIN_URL' },
  });
});

test('a file of another kind is reported, not used', async () => {
  await mkdir(join(dir, 'errand'));
  await writeFile(join(dir, 'errand', 'config.json'), '{"profiles": 7}');
  await expect(read()).rejects.toThrow('is not a settings file');
});

test.each([
  ['{"profiles":null}', 'profiles'],
  ['{"profiles":{"a":null}}', 'profiles.a'],
  ['{"profiles":{"a":{"url":7}}}', 'profiles.a.url'],
  ['{"current":[]}', 'current'],
])('for the file %s, the place of the mistake is reported', async (text, place) => {
  await mkdir(join(dir, 'errand'));
  await writeFile(join(dir, 'errand', 'config.json'), text);
  for (const words of ['config list', 'config use a', 'config set tenant t', 'jobs']) {
    const { code, said } = await run(words.split(' '), { XDG_CONFIG_HOME: dir });
    expect([code, said]).toEqual([2, expect.stringContaining(`is not a settings file (see ${place})`)]);
  }
});

test.each(['toString', 'constructor', '__proto__'])(
  '%s is not a profile unless somebody made it',
  async (name) => {
    await keep({ default: { tenant: 'kept' } });
    const env = { XDG_CONFIG_HOME: dir };
    expect(await run(['config', 'use', name], env)).toMatchObject({
      code: 2,
      said: expect.stringContaining('profiles: default'),
    });
    expect((await run(['jobs', '--profile', name], env)).said).toContain(`has no profile ${name}`);
    await run(['config', 'set', 'tenant', 'set', '--profile', name], env);
    expect((await read()).tenant?.value).toBe('kept');
  },
);

test('if nothing runs, the error says how to start it', async () => {
  const { said } = await run(['jobs'], { XDG_CONFIG_HOME: dir }, dir);
  expect(said).toMatch(/^errand: set ERRAND_URL to the address of the gateway, .*`errand dev`/);
});

test('a local system that is ignored is reported with the reason', async () => {
  await writeLocal(LOCAL);
  const { said } = await run(['jobs'], { XDG_CONFIG_HOME: dir, ERRAND_API_KEY: 'other' }, dir);
  expect(said).toContain(`${join(dir, '.errand', 'local.json')} was ignored`);
  expect(said).toContain('because ERRAND_API_KEY sets an address or a key');
});

test('an invalid tenant or key is reported, and a key is not shown', async () => {
  const env = { XDG_CONFIG_HOME: dir, ERRAND_URL: 'http://127.0.0.1:1', ERRAND_API_KEY: 'k' };
  expect((await run(['jobs'], { ...env, ERRAND_TENANT: '..' })).said).toContain(
    "ERRAND_TENANT: '..' is not a tenant",
  );
  const { code, said } = await run(['jobs'], { ...env, ERRAND_TENANT: 't', ERRAND_API_KEY: 'hush\nhush' });
  expect([code, said]).toEqual([2, 'errand: ERRAND_API_KEY: it contains characters that no key has\n']);
  expect((await run(['config', 'set', 'tenant', '..'], env)).code).toBe(2);
});

test('an invalid address is reported with its source', async () => {
  const settings = await read({ ERRAND_URL: 'localhost:8080' });
  expect(() => needSettings(settings, 'url')).toThrow("ERRAND_URL: 'localhost:8080' is not an address");
});
