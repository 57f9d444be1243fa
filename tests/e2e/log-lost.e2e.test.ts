import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNatsServer } from '@errand/local-servers';
import { createTestDatabase, waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCaller, SMALL_DESIGN } from './caller.ts';
import { type System, startSystem } from './system.ts';

/* NATS comes back with an empty disk while everything else keeps running. */

const TENANT = 'lost';
const resources = new AsyncDisposableStack();
let system: System;
let dir: string;
let natsPort: number | undefined;
let loseNats: () => Promise<void>;

async function startNats(disk: string) {
  return startNatsServer({ storeDir: join(dir, disk), logFile: join(dir, `${disk}.log`), port: natsPort });
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'errand-lost-'));
  resources.defer(() => rm(dir, { recursive: true, force: true }));
  const database = resources.use(await createTestDatabase());
  const first = await startNats('first');
  natsPort = first.port;
  resources.defer(() => first.stop());
  system = resources.use(
    await startSystem({ natsUrl: first.url, databaseUrl: database.url }, { ERRAND_PROVISION: 'true' }),
  );
  loseNats = async () => {
    first.kill('SIGKILL');
    await first.exited;
    const second = await startNats('second');
    resources.defer(() => second.stop());
  };
});
afterAll(() => resources.disposeAsync());

test('services notice that the log is another one, and do not mistake anything of the lost one for its own', {
  timeout: 180_000,
}, async () => {
  await using before = await createCaller(system, TENANT);
  const path = `/v2/tenants/${TENANT}`;
  const run = `${path}/designs/d-1/performance_simulation/run`;
  const done = await before.run();
  await waitUntil(async () => (await before.status(done?.job_id ?? '')).status === 'succeeded');
  const startAfter = new Date(Date.now() + 3_600_000).toISOString();
  const waiting = await before.call('POST', run, {
    ...SMALL_DESIGN,
    _job: { start_after: startAfter, finish_by_s: 60 },
  });
  const soon = await before.call('POST', run, {
    ...SMALL_DESIGN,
    _job: { start_after: new Date(Date.now() + 15_000).toISOString(), finish_by_s: 1 },
  });
  const { job_id: waitingId } = waiting.body as { job_id: string };
  const { job_id: soonId } = soon.body as { job_id: string };
  const rows = async (caller: typeof before) => {
    const { body } = await caller.call('GET', `${path}/jobs`);
    return new Map(
      (body as { jobs?: { job_id: string; status: string }[] }).jobs?.map((job) => [job.job_id, job.status]),
    );
  };
  await waitUntil(async () => (await rows(before)).size === 3);
  const { next, events } = await waitUntil(async () => {
    const { body } = await before.call('GET', `${path}/events`);
    const page = body as { next: string; events: object[] };
    return page.events.length > 0 ? page : undefined;
  });
  expect(events.length).toBe(1);

  await loseNats();
  await waitUntil(() => Object.values(system.restarts).every((count) => count > 0), { timeoutMs: 60_000 });
  await system.ready();
  // Nobody knows the key any longer, whatever the gateways remembered.
  expect((await before.call('GET', `${path}/jobs`)).status).toBe(401);
  await using after = await createCaller(system, TENANT);
  await waitUntil(async () => (await after.run()) !== undefined, { timeoutMs: 30_000 });
  expect(await after.call('GET', `${path}/events?after=${next}`)).toMatchObject({
    status: 410,
    body: { code: 'cursor_expired' },
  });
  await waitUntil(async () => (await rows(after)).get(soonId) === 'expired', { timeoutMs: 60_000 });
  expect((await rows(after)).get(waitingId)).toBe('queued');
  expect((await rows(after)).get(done?.job_id ?? '')).toBe('succeeded');
});
