import { access } from 'node:fs/promises';
import { settings as executor } from '@errand/executor';
import { settings as gateway } from '@errand/gateway';
import { settings as projection } from '@errand/projection';
import type { Settings } from '@errand/runtime';
import { settings as scheduler } from '@errand/scheduler';
import { settings as webhooks } from '@errand/webhooks';
import { expect, test } from 'vitest';
import { sourceMainFile } from './repository.ts';
import { inheritedEnv, onlyOwnKeys, processEnv, SERVICES, type ServiceName, serviceEnv } from './services.ts';

const FACTS = {
  natsUrl: 'nats://127.0.0.1:4222',
  postgresUrl: 'postgres://127.0.0.1/errand',
  adminKey: 'a',
  secretKey: 's',
  ports: { gateway: 1, scheduler: 5, executor: 2, projection: 3, webhooks: 4 },
};

test('each service has a main file', async () => {
  await Promise.all(SERVICES.map((name) => access(sourceMainFile(name))));
});

test('each service connects to NATS as its own user, if there is one', () => {
  const natsUrlOf = (name: string) => `nats://${name}@127.0.0.1:4222`;
  expect(SERVICES.map((name) => serviceEnv(name, FACTS).NATS_URL)).toEqual(SERVICES.map(() => FACTS.natsUrl));
  expect(SERVICES.map((name) => serviceEnv(name, { ...FACTS, natsUrlOf }).NATS_URL)).toEqual(
    SERVICES.map(natsUrlOf),
  );
});

test('each service but the gateway has an ops port of its own, and all know the one address of the gateway', () => {
  const envs = SERVICES.map((name) => serviceEnv(name, FACTS));
  expect(envs.map((env) => env.ERRAND_OPS_PORT)).toEqual(['none', '5', '2', '3', '4']);
  expect(new Set(envs.map((env) => env.ERRAND_PUBLIC_URL))).toEqual(new Set(['http://127.0.0.1:1']));
});

test('a gateway answers to the names of this machine, unless the shell names others', () => {
  const hosts = (shell: NodeJS.ProcessEnv) => processEnv('gateway', FACTS, shell).ERRAND_ALLOWED_HOSTS;
  expect(hosts({})).toBe('localhost,127.0.0.1,[::1]');
  expect(hosts({ ERRAND_ALLOWED_HOSTS: 'any' })).toBe('any');
});

test('shell variables for other servers reach only services that are to use those', () => {
  const shell = { PGSSLMODE: 'require', NATS_CA_FILE: '/ca', NODE_OPTIONS: '--inspect', HOME: '/root' };
  const names = (service: 'gateway' | 'executor', env: NodeJS.ProcessEnv) =>
    Object.keys(inheritedEnv(service, env)).sort();
  expect(names('gateway', shell)).toEqual(['HOME']);
  expect(names('executor', shell)).toEqual(['HOME', 'PGSSLMODE']);
  expect(names('gateway', { ...shell, DATABASE_URL: 'postgres://a/b' })).toEqual([
    'DATABASE_URL',
    'HOME',
    'PGSSLMODE',
  ]);
  expect(names('executor', { ...shell, DATABASE_URL: 'postgres://a/b' })).toEqual(['HOME']);
  expect(names('gateway', { ...shell, NATS_URL: 'nats://a' })).toEqual(['HOME', 'NATS_CA_FILE', 'NATS_URL']);
});

test('a service is handed the keys that its settings name, and no other', () => {
  const settings: Record<ServiceName, Settings> = { gateway, scheduler, executor, projection, webhooks };
  const named = (name: ServiceName) => Object.values(settings[name]).map(({ env }) => env);
  const keys = SERVICES.flatMap((name) => Object.values(settings[name]))
    .filter(({ env, secret }) => secret || env === 'DATABASE_URL')
    .map(({ env }) => env);
  const all = Object.fromEntries(keys.map((env) => [env, 'x']));
  for (const name of SERVICES) {
    const wanted = Object.keys(all).filter((env) => named(name).includes(env));
    expect([name, Object.keys(onlyOwnKeys(name, all))]).toEqual([name, wanted]);
    expect(Object.keys(inheritedEnv(name, all))).toEqual(wanted);
  }
});
