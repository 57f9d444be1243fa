import type { RecordedEvent } from '@errand/contracts';
import { createDailyPartitions, migrate } from '@errand/postgres';
import { createTestDatabase, startTestNats, type TestDatabase, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Endpoints, watchEndpoints } from '../src/endpoints/directory.ts';
import { type IntakeDeps, onJobEnded } from '../src/intake/on-job-ended.ts';
import { openTestSystem, type TestSystem } from './system.ts';

const DAY_MS = 86_400_000;

let nats: TestNats;
let database: TestDatabase;
let system: TestSystem;
let endpoints: Endpoints;
let deps: IntakeDeps;

beforeAll(async () => {
  nats = await startTestNats();
  database = await createTestDatabase();
  system = await openTestSystem({ natsUrl: nats.url, databaseUrl: database.url });
  await migrate(system.db);
  endpoints = await watchEndpoints(system.bus);
  deps = {
    db: system.db,
    bus: system.bus,
    endpoints,
    states: { isDisabled: ({ url }) => url === 'https://disabled.example' },
    actions: { peek: () => undefined, caughtUp: async () => {} },
    partitions: (['webhook_message', 'webhook_delivery', 'webhook_attempt'] as const).map((table) =>
      createDailyPartitions(system.db, table),
    ),
    publicUrl: 'https://errand.example',
    lifeMs: 3 * DAY_MS,
    retentionMs: 30 * DAY_MS,
    nowMs: Date.now(),
  };
});

afterAll(async () => {
  endpoints.close();
  await system[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  await nats[Symbol.asyncDispose]();
});

async function anEnding(tenantId: string): Promise<RecordedEvent> {
  const { jobId } = await system.endJob(tenantId);
  const ending = (await system.bus.jobs.read({ tenantId, jobId })).find(
    ({ event }) => event.type === 'JobSucceeded',
  );
  if (!ending) throw new Error('the job has not ended');
  return ending;
}

test('endpoints are looked up only when memory holds all that the bucket has', async () => {
  const ending = await anEnding('late');
  await system.addEndpoint({ tenant_id: 'late', url: 'https://a.example' });
  // A watch that lags until it is waited for.
  let current = false;
  const lagging: Endpoints = {
    ...endpoints,
    wanting: (event) => (current ? endpoints.wanting(event) : []),
    caughtUp: async () => {
      await endpoints.caughtUp();
      current = true;
    },
  };
  expect(await onJobEnded([ending], { ...deps, endpoints: lagging })).toHaveLength(1);
});

test('an ending makes one delivery for each endpoint, however often and however close together it comes', async () => {
  await system.addEndpoint({ tenant_id: 'twice', url: 'https://a.example' });
  await system.addEndpoint({ tenant_id: 'twice', url: 'https://b.example' });
  const batch = await Promise.all(Array.from({ length: 20 }, () => anEnding('twice')));
  const counts = await Promise.all([
    onJobEnded([...batch, ...batch], deps),
    onJobEnded(batch.toReversed(), deps),
  ]);
  expect(counts.flatMap((inserted) => inserted ?? [])).toHaveLength(40);
  expect(await onJobEnded(batch, deps)).toEqual([]);
});

test('what a replay has stored of an ending for one endpoint keeps it from no other', async () => {
  const first = await system.addEndpoint({ tenant_id: 'replayed', url: 'https://a.example' });
  const second = await system.addEndpoint({ tenant_id: 'replayed', url: 'https://b.example' });
  const ending = await anEnding('replayed');
  const stored = await onJobEnded([ending], { ...deps, endpoints: { ...endpoints, wanting: () => [first] } });
  expect(stored).toHaveLength(1);
  expect(await onJobEnded([ending], deps)).toEqual([
    { tenant_id: 'replayed', endpoint_id: second.endpoint_id },
  ]);
});

test('an ending that is older than the delivery log is passed over', async () => {
  await system.addEndpoint({ tenant_id: 'old', url: 'https://a.example' });
  const ending = await anEnding('old');
  expect(await onJobEnded([ending], { ...deps, nowMs: Date.now() + 31 * DAY_MS })).toEqual([]);
});

test('paused and disabled endpoints and those whose filters do not fit get no delivery', async () => {
  const url = 'https://a.example';
  const wanted = await system.addEndpoint({
    tenant_id: 'f',
    url,
    event_types: ['job.*'],
    metadata: { order: '7' },
  });
  await system.addEndpoint({ tenant_id: 'f', url, enabled: false });
  await system.addEndpoint({ tenant_id: 'f', url: 'https://disabled.example' });
  await system.addEndpoint({ tenant_id: 'f', url, event_types: ['job.failed'] });
  await system.addEndpoint({ tenant_id: 'f', url, actions: ['another_action'] });
  await system.addEndpoint({ tenant_id: 'f', url, metadata: { order: '8' } });
  expect(await onJobEnded([await anEnding('f')], deps)).toEqual([
    { tenant_id: 'f', endpoint_id: wanted.endpoint_id },
  ]);
});

test('an endpoint hears of nothing once it has expired', async () => {
  const inS = (s: number) => new Date(Date.now() + s * 1_000).toISOString();
  const own = { tenant_id: 'expiring', url: 'https://a.example' };
  const expired = await system.addEndpoint({ ...own, expires_at: inS(-1) });
  const alive = await system.addEndpoint({ ...own, expires_at: inS(600) });
  expect(await onJobEnded([await anEnding('expiring')], deps)).toEqual([
    { tenant_id: 'expiring', endpoint_id: alive.endpoint_id },
  ]);
  expect(endpoints.find('expiring', expired.endpoint_id)).toBeUndefined();
});

test('a job whose request the read of many does not find is read by itself', async () => {
  await system.addEndpoint({ tenant_id: 'lagging', url: 'https://a.example', metadata: { order: '7' } });
  const lagging = {
    ...system.bus,
    readRequests: async (refs: readonly unknown[]) => refs.map(() => undefined),
  };
  expect(await onJobEnded([await anEnding('lagging')], { ...deps, bus: lagging })).toHaveLength(1);
});

test.each([
  ['a gateway that is 10 min ahead', 600_000, 0],
  ['an executor that is 10 min behind', 0, -600_000],
])(
  'an endpoint hears of what ends after it was made, whatever the clock of %s says',
  async (_, gateway, executor) => {
    const tenantId = `clocks-${crypto.randomUUID()}`;
    const endJob = () => system.endJob(tenantId, undefined, undefined, executor);
    const before = await endJob();
    const { lastVersion } = await system.bus.jobs.reach();
    const at = new Date(Date.now() + gateway).toISOString();
    const own = { tenant_id: tenantId, url: 'https://a.example' };
    await system.addEndpoint({ ...own, created_at: at, updated_at: at, hears_after: lastVersion });
    const after = await endJob();
    const endings = await Promise.all(
      [before, after].map(async ({ jobId }) => {
        const events = await system.bus.jobs.read({ tenantId, jobId });
        return events.filter(({ event }) => event.type === 'JobSucceeded');
      }),
    );
    await onJobEnded(endings.flat(), deps);
    const rows = await system.db
      .selectFrom('webhook_delivery')
      .select('event_id')
      .where('tenant_id', '=', tenantId)
      .execute();
    expect(rows).toEqual([{ event_id: after.eventId }]);
  },
);
