import { access } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { inheritedEnv, SERVICES, serviceEnv, serviceMainFile } from './services.ts';

const FACTS = {
  natsUrl: 'nats://127.0.0.1:4222',
  postgresUrl: 'postgres://127.0.0.1/errand',
  adminKey: 'a',
  secretKey: 's',
  ports: { gateway: 1, scheduler: 5, executor: 2, projection: 3, webhooks: 4 },
};

test('each service has a main file', async () => {
  await Promise.all(SERVICES.map((name) => access(serviceMainFile(name))));
});

test('each service has an ops port of its own, and all know the one address of the gateway', () => {
  const envs = SERVICES.map((name) => serviceEnv(name, FACTS));
  expect(envs.map((env) => env.ERRAND_OPS_PORT)).toEqual(['1', '2', '3', '4']);
  expect(new Set(envs.map((env) => env.ERRAND_PUBLIC_URL))).toEqual(new Set(['http://127.0.0.1:1']));
});

test('what the shell holds for other servers reaches only services that are to use those', () => {
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
  expect(names('gateway', { ...shell, NATS_URL: 'nats://a' })).toEqual(['HOME', 'NATS_CA_FILE', 'NATS_URL']);
});
