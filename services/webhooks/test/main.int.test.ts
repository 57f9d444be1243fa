import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import {
  createTestDatabase,
  startReceiver,
  startTestNats,
  type TestDatabase,
  type TestNats,
} from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestSystem, type TestSystem } from './system.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

let nats: TestNats;
let database: TestDatabase;
let system: TestSystem;

beforeAll(async () => {
  nats = await startTestNats();
  database = await createTestDatabase();
  system = await openTestSystem({ natsUrl: nats.url, databaseUrl: database.url });
});

afterAll(async () => {
  await system[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});

function startProcess(): ChildProcess {
  const env = {
    ...process.env,
    ...system.env,
    ERRAND_OPS_PORT: '0',
    ERRAND_LOG_LEVEL: 'silent',
    ERRAND_WEBHOOKS_LEASE_MS: '600',
  };
  return spawn(process.execPath, [MAIN], { env, stdio: 'inherit' });
}

test('an attempt that kill -9 interrupts is made again, and SIGTERM ends the process with 0', async () => {
  await using receiver = await startReceiver({ respond: () => new Promise<number>(() => {}) });
  await system.addEndpoint({ tenant_id: 'acme', url: receiver.url });
  const first = startProcess();
  const { eventId } = await system.endJob('acme');
  await receiver.waitFor(() => true);
  first.kill('SIGKILL');
  await once(first, 'exit');

  receiver.respond = 200;
  const second = startProcess();
  await receiver.waitFor(() => receiver.requests.length === 2);
  second.kill('SIGTERM');
  expect(await once(second, 'exit')).toEqual([0, null]);
  expect(receiver.requests.map(({ headers }) => headers['webhook-id'])).toEqual([eventId, eventId]);
  expect(await system.db.selectFrom('webhook_delivery').select(['state', 'attempts']).execute()).toEqual([
    { state: 'delivered', attempts: 1 },
  ]);
});
