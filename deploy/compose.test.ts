import { execFile } from 'node:child_process';
import { mkdtempDisposable, readdir, readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv, promisify } from 'node:util';
import { NATS_ROLES } from '@errand/contracts';
import { settings as executor } from '@errand/executor';
import { settings as gateway } from '@errand/gateway';
import { settings as projection } from '@errand/projection';
import type { Settings } from '@errand/runtime';
import { settings as webhooks } from '@errand/webhooks';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const FILES = ['admin/admin.env', 'sealing/sealing.env', 'database/database.env'];
const OWNER = String(process.getuid?.());

interface Service {
  readonly entrypoint?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly restart?: string;
  readonly logging?: object;
}

async function makeKeys(folder: string, given: Record<string, string> = {}) {
  const env = { PATH: process.env.PATH, ...given };
  await promisify(execFile)('sh', [here('make-keys.sh'), folder, OWNER, here('nats/users.conf')], { env });
  const texts = await Promise.all(FILES.map((file) => readFile(join(folder, file), 'utf8')));
  return parseEnv(texts.join('\n')) as Record<string, string>;
}

test('keys are made once, for their owner only, and one that is given takes the place of its kind', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-keys-'));
  const made = await makeKeys(dir.path);
  expect(made.ERRAND_ADMIN_KEY).toMatch(/^[0-9a-f]{64}$/);
  expect(Buffer.from(made.ERRAND_SECRET_KEY ?? '', 'base64')).toHaveLength(32);
  const password = await readFile(join(dir.path, 'database/password'), 'utf8');
  expect(made.DATABASE_URL).toBe(`postgres://errand:${password}@postgres:5432/errand`);
  for (const file of FILES) expect((await stat(join(dir.path, file))).mode & 0o777).toBe(0o600);
  expect(await makeKeys(dir.path)).toEqual(made);
  const given = await makeKeys(dir.path, { POSTGRES_PASSWORD: 'mine' });
  expect(given).toEqual({ ...made, DATABASE_URL: 'postgres://errand:mine@postgres:5432/errand' });
  await using other = await mkdtempDisposable(join(tmpdir(), 'errand-keys-'));
  expect((await makeKeys(other.path)).ERRAND_ADMIN_KEY).not.toBe(made.ERRAND_ADMIN_KEY);
  expect(await readdir(join(dir.path, 'admin'))).toEqual(['admin.env']);
});

test('each service has a user of NATS, whose password is made once and is in the file for the server', async () => {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-keys-'));
  const read = (file: string) => readFile(join(dir.path, file), 'utf8');
  const urls = () => Promise.all(NATS_ROLES.map((role) => read(`nats-${role}/nats.env`)));
  await makeKeys(dir.path);
  const made = await urls();
  await makeKeys(dir.path);
  expect(await urls()).toEqual(made);
  const users = await read('nats/users.conf');
  expect((await stat(join(dir.path, 'nats/users.conf'))).mode & 0o777).toBe(0o600);
  expect(users).not.toContain('$NATS_');
  for (const [index, role] of NATS_ROLES.entries()) {
    const { username, password } = new URL(parseEnv(made[index] ?? '').NATS_URL ?? '');
    expect(username).toBe(role);
    expect(users).toContain(`"user": "${role}",\n      "password": "${password}"`);
  }
});

test('a service of docker-compose.yml reads its own user of NATS, and sees no other', async () => {
  const text = await readFile(here('../docker-compose.yml'), 'utf8');
  const { services } = parse(text, { merge: true }) as { services: Record<string, Service> };
  for (const name of NATS_ROLES) {
    const { entrypoint = [], environment = {}, volumes = [] } = services[name] ?? {};
    expect(entrypoint).toContain(`--env-file=/keys/nats-${name}/nats.env`);
    expect(volumes.filter((volume) => volume.startsWith('keys-nats'))).toEqual([
      `keys-nats-${name}:/keys/nats-${name}:ro`,
    ]);
    expect(environment).toMatchObject({ ERRAND_PROVISION: 'false' });
    expect(environment.NATS_URL).toBeUndefined();
  }
});

test('a service of docker-compose.yml has the keys that its settings name, and no file of another key', async () => {
  const text = await readFile(here('../docker-compose.yml'), 'utf8');
  const { services } = parse(text, { merge: true }) as { services: Record<string, Service> };
  const keysIn: Record<string, string> = {
    database: 'DATABASE_URL',
    admin: 'ERRAND_ADMIN_KEY',
    sealing: 'ERRAND_SECRET_KEY',
  };
  const settings: Record<string, Settings> = { gateway, executor, projection, webhooks };
  for (const [name, own] of Object.entries(settings)) {
    const { entrypoint = [], environment = {}, volumes = [] } = services[name] ?? {};
    const named = Object.values(own).map(({ env }) => env);
    const wanted = Object.entries(keysIn).flatMap(([kind, env]) => (named.includes(env) ? [kind] : []));
    const read = entrypoint.flatMap((word) => /^--env-file=\/keys\/(\w+)\//.exec(word)?.[1] ?? []);
    const mounted = volumes.flatMap((volume) => /:\/keys\/(\w+):ro$/.exec(volume)?.[1] ?? []);
    expect([name, read.sort(), mounted.sort()]).toEqual([name, wanted.sort(), wanted]);
    expect(Object.keys(environment).filter((env) => Object.values(keysIn).includes(env))).toEqual([]);
  }
  expect(text).not.toMatch(/:-demo/);
});

test('the gateway of docker-compose.yml answers to the names of its machine and its own', async () => {
  const text = await readFile(here('../docker-compose.yml'), 'utf8');
  const { services } = parse(text, { merge: true }) as { services: Record<string, Service> };
  const hosts = services.gateway?.environment?.ERRAND_ALLOWED_HOSTS;
  expect(hosts).toMatch(/^\$\{ERRAND_ALLOWED_HOSTS:-localhost,127\.0\.0\.1,\[::1\],gateway\}$/);
});

test('the logs of what stays up in docker-compose.yml are bounded, which they are not by default', async () => {
  const text = await readFile(here('../docker-compose.yml'), 'utf8');
  const { services } = parse(text, { merge: true }) as { services: Record<string, Service> };
  const staying = Object.entries(services).filter(([, { restart }]) => restart === 'unless-stopped');
  expect(staying.map(([name]) => name)).toEqual(expect.arrayContaining(['nats', 'postgres', 'executor']));
  for (const [name, { logging }] of staying) {
    expect([name, logging]).toEqual([
      name,
      { driver: 'json-file', options: { 'max-size': '50m', 'max-file': '2' } },
    ]);
  }
});
