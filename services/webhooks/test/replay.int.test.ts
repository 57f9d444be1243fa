import { randomUUIDv7 } from 'node:crypto';
import type { JobFact, WebhookRequest } from '@errand/contracts';
import { createDailyPartitions, migrate } from '@errand/postgres';
import { rawNatsRequest, waitUntil } from '@errand/testkit';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { watchEndpoints } from '../src/endpoints/directory.ts';
import { replayPage, startReplay } from '../src/replays/replay.ts';
import { nats, receiver, startForEachTest, system, tenantId } from './system.ts';

const EPOCH = '2020-01-01T00:00:00.000Z';
const CANCELED: JobFact = { type: 'JobCanceled', data: { by: 'test' } };

startForEachTest();

const requestOf = (endpointId: string, about: Partial<WebhookRequest<'replay'>> = {}) => ({
  tenant_id: tenantId,
  endpoint_id: endpointId,
  since: EPOCH,
  only: 'missed' as const,
  dry_run: false,
  ...about,
});
async function replay(endpointId: string, about: Partial<WebhookRequest<'replay'>> = {}) {
  const answer = await system.bus.commands.askWebhooks('replay', requestOf(endpointId, about));
  if (answer.kind !== 'started') throw new Error(answer.code);
  return answer.replay_id;
}
const rowOf = (replayId: string) =>
  system.db
    .selectFrom('webhook_replay')
    .selectAll()
    .where('replay_id', '=', replayId)
    .executeTakeFirstOrThrow();
const untilDone = (replayId: string) =>
  waitUntil(async () => {
    const row = await rowOf(replayId);
    return row.state === 'running' ? undefined : row;
  });
const cancel = (replayId: string, endpointId: string, tenant = tenantId) =>
  system.bus.commands.askWebhooks('cancel_replay', {
    tenant_id: tenant,
    endpoint_id: endpointId,
    replay_id: replayId,
  });
const countOf = async (endpointId: string, state: 'pending' | 'delivered') => {
  const rows = await system.db
    .selectFrom('webhook_delivery')
    .select('event_id')
    .where('endpoint_id', '=', endpointId)
    .where('state', '=', state)
    .execute();
  return rows.length;
};
const addEndpoint = (path: string, enabled = true) =>
  system.addEndpoint({ tenant_id: tenantId, url: `${receiver.url}${path}`, enabled });
const endJobs = (count: number) => Promise.all(Array.from({ length: count }, () => system.endJob(tenantId)));

/** Resolves when whatever ended before has been taken in. */
async function untilTakenIn(): Promise<void> {
  const tenant = `${tenantId}-other`;
  await system.addEndpoint({ tenant_id: tenant, url: `${receiver.url}/other` });
  const { eventId } = await system.endJob(tenant);
  await receiver.waitFor(({ headers }) => headers['webhook-id'] === eventId);
}

test('an endpoint has a few replays at a time, and keeps the newest ones', async () => {
  await using _service = await system.start();
  const paused = await addEndpoint('/paused', false);
  const other = await addEndpoint('/other');
  const running = await Promise.all(Array.from({ length: 9 }, () => replay(paused.endpoint_id)));
  const last = await replay(paused.endpoint_id);
  const refused = { kind: 'refused', code: 'too_many_replays' };
  const start = () => system.bus.commands.askWebhooks('replay', requestOf(paused.endpoint_id));
  expect(await start()).toEqual(refused);
  expect(await untilDone(await replay(other.endpoint_id))).toMatchObject({ state: 'done' });
  await cancel(last, paused.endpoint_id);
  await sql`
    insert into webhook_replay
    select gen_random_uuid(), tenant_id, endpoint_id, since, until, which, types, dry_run, 'done', phase, cursor, matched,
      scheduled, error, due_at, created_at, updated_at
    from webhook_replay, generate_series(1, 1000) where replay_id = ${last}`.execute(system.db);
  const newest = await replay(paused.endpoint_id);
  const rows = await system.db
    .selectFrom('webhook_replay')
    .select(['replay_id', 'state'])
    .where('endpoint_id', '=', paused.endpoint_id)
    .execute();
  expect(rows.length).toBeLessThanOrEqual(1_010);
  const open = rows.filter(({ state }) => state === 'running').map(({ replay_id }) => replay_id);
  expect(open.sort()).toEqual([...running, newest].sort());
  expect(await start()).toEqual(refused);
});

test('a replay adds no more than its endpoint keeps up with, while other replays and fresh events go on', async () => {
  await using _service = await system.start({ replayBacklog: 10, attemptTimeoutMs: 60_000 });
  await endJobs(60);
  await untilTakenIn();
  const slow = await addEndpoint('/slow');
  const quick = await addEndpoint('/quick');
  const gate = Promise.withResolvers<void>();
  receiver.respond = async ({ url }) => {
    if (url === '/slow') await gate.promise;
    return 200;
  };
  const slowReplay = await replay(slow.endpoint_id);
  await waitUntil(async () => (await countOf(slow.endpoint_id, 'pending')) === 10);
  expect(await untilDone(await replay(quick.endpoint_id))).toMatchObject({ state: 'done', scheduled: 60 });
  expect(await countOf(slow.endpoint_id, 'pending')).toBe(10);
  expect(await rowOf(slowReplay)).toMatchObject({ state: 'running', scheduled: 10 });

  const fresh = await system.endJob(tenantId);
  await receiver.waitFor(({ url, headers }) => url === '/quick' && headers['webhook-id'] === fresh.eventId);
  gate.resolve();
  expect(await untilDone(slowReplay)).toMatchObject({ state: 'done', matched: 60, scheduled: 60 });
  await waitUntil(async () => (await countOf(slow.endpoint_id, 'delivered')) === 61);
});

test('a replay tells what ended before it was asked for, however late the audit log has a copy of it', async () => {
  await using _service = await system.start();
  await endJobs(2);
  await untilTakenIn();
  const info = await rawNatsRequest(nats.url, '$JS.API.STREAM.INFO.AUDIT');
  const config = info.config as { sources: object[] };
  const copied = await system.bus.audit.version();
  const copyFrom = (from: object[], subjects: string[]) =>
    rawNatsRequest(nats.url, '$JS.API.STREAM.UPDATE.AUDIT', { ...config, sources: from, subjects });
  await copyFrom([], ['nothing']);
  await endJobs(2);
  await untilTakenIn();
  const late = await addEndpoint('/late');
  const replayId = await replay(late.endpoint_id);
  const { until } = await waitUntil(async () => {
    const row = await rowOf(replayId);
    return row.matched === 2 ? row : undefined;
  });
  await waitUntil(() => Date.now() > until.getTime());
  await copyFrom(
    config.sources.map((source) => ({ ...source, opt_start_seq: copied + 1 })),
    [],
  );
  expect(await untilDone(replayId)).toMatchObject({ state: 'done', scheduled: 4 });
});

test('a replay of a paused endpoint waits for it, and is looked at no more than once in a while', async () => {
  await using _service = await system.start({ sweepIntervalMs: 1_000 });
  await endJobs(3);
  await untilTakenIn();
  const paused = await addEndpoint('/paused', false);
  const replayId = await replay(paused.endpoint_id);
  const row = await waitUntil(async () => {
    const { due_at, created_at, ...rest } = await rowOf(replayId);
    return due_at > created_at
      ? { ...rest, waitMs: due_at.getTime() - rest.updated_at.getTime() }
      : undefined;
  });
  expect(row).toMatchObject({ state: 'running', scheduled: 0, error: null });
  expect(row.waitMs).toBeGreaterThan(900);
  expect(await countOf(paused.endpoint_id, 'pending')).toBe(0);
  await system.addEndpoint({ ...paused, enabled: true });
  expect(await untilDone(replayId)).toMatchObject({ state: 'done', scheduled: 3 });
});

test('a replay makes what it tells again where the tables are as empty as after the loss of Postgres', async () => {
  const endpoint = await addEndpoint('/hook');
  {
    await using _service = await system.start();
    await endJobs(3);
    await waitUntil(async () => (await countOf(endpoint.endpoint_id, 'delivered')) === 3);
  }
  for (const table of ['webhook_message', 'webhook_delivery', 'webhook_attempt']) {
    const { rows } = await sql<{ name: string }>`
      select inhrelid::regclass::text as name from pg_inherits where inhparent = ${table}::regclass`.execute(
      system.db,
    );
    for (const { name } of rows) await sql`drop table ${sql.table(name)}`.execute(system.db);
  }
  await using _service = await system.start();
  expect(await untilDone(await replay(endpoint.endpoint_id))).toMatchObject({ state: 'done', scheduled: 3 });
  await waitUntil(async () => (await countOf(endpoint.endpoint_id, 'delivered')) === 3);
});

test('a replay tells of jobs that have left the log what it tells of others', async () => {
  await using _service = await system.start();
  await endJobs(3);
  await untilTakenIn();
  const metadata = { order: '7' };
  const before = await system.addEndpoint({ tenant_id: tenantId, url: `${receiver.url}/before`, metadata });
  await untilDone(await replay(before.endpoint_id));
  await waitUntil(async () => (await countOf(before.endpoint_id, 'delivered')) === 3);
  await rawNatsRequest(nats.url, '$JS.API.STREAM.PURGE.JOBS', { filter: `jobs.${tenantId}.>` });
  const after = await system.addEndpoint({ tenant_id: tenantId, url: `${receiver.url}/after`, metadata });
  expect(await untilDone(await replay(after.endpoint_id))).toMatchObject({ state: 'done', scheduled: 3 });
  await waitUntil(async () => (await countOf(after.endpoint_id, 'delivered')) === 3);
  const bodiesAt = (path: string) =>
    receiver.requests
      .filter(({ url }) => url === path)
      .map(({ body }) => body)
      .toSorted();
  expect(bodiesAt('/after')).toEqual(bodiesAt('/before'));
});

test('a replay may be of some types of event only, of what was missed and of what was delivered', async () => {
  await using _service = await system.start();
  await endJobs(2);
  const missed = await system.endJob(tenantId, CANCELED);
  await untilTakenIn();
  const endpoint = await addEndpoint('/hook');
  const types = ['job.canceled' as const];
  expect(await untilDone(await replay(endpoint.endpoint_id, { types }))).toMatchObject({ scheduled: 1 });
  await receiver.waitFor(({ headers }) => headers['webhook-id'] === missed.eventId);
  await endJobs(2);
  await waitUntil(async () => (await countOf(endpoint.endpoint_id, 'delivered')) === 3);
  const again = await untilDone(await replay(endpoint.endpoint_id, { only: 'all', types }));
  expect(again).toMatchObject({ matched: 1, scheduled: 1 });
  const calls = () => receiver.requests.filter(({ url }) => url === '/hook');
  await waitUntil(() => calls().length === 4);
  expect(calls().at(-1)?.headers).toMatchObject({
    'webhook-id': missed.eventId,
    'errand-attempt': '2',
    'errand-trigger': 'replay',
  });
});

test('a replay that is canceled schedules nothing more, and cannot be canceled twice', async () => {
  await using _service = await system.start();
  await endJobs(3);
  await untilTakenIn();
  const paused = await addEndpoint('/paused', false);
  const replayId = await replay(paused.endpoint_id);
  expect(await cancel(replayId, paused.endpoint_id)).toEqual({ kind: 'canceled' });
  expect(await cancel(replayId, paused.endpoint_id)).toEqual({ kind: 'ended' });
  await system.addEndpoint({ ...paused, enabled: true });
  const next = await untilDone(await replay(paused.endpoint_id, { dry_run: true }));
  expect(next).toMatchObject({ matched: 3 });
  expect(await rowOf(replayId)).toMatchObject({ state: 'canceled', scheduled: 0 });
});

test('a replay is unknown under another tenant, another endpoint, and where the id is none', async () => {
  await using _service = await system.start();
  const paused = await addEndpoint('/paused', false);
  const replayId = await replay(paused.endpoint_id);
  const unknown = { kind: 'refused', code: 'unknown_replay' };
  expect(await cancel(replayId, paused.endpoint_id, 'another')).toEqual(unknown);
  expect(await cancel(replayId, 'whe_another')).toEqual(unknown);
  for (const id of ['', 'no-uuid', "' or true --", randomUUIDv7()]) {
    expect(await cancel(id, paused.endpoint_id)).toEqual(unknown);
  }
  expect(await rowOf(replayId)).toMatchObject({ state: 'running' });
});

test.each([
  ['goes on', 'running', 'canceled'],
  ['is the last', 'done', 'ended'],
] as const)(
  'a cancelation waits for the page under way; if that %s, the answer knows',
  async (_, state, kind) => {
    await using _service = await system.start();
    const paused = await addEndpoint('/paused', false);
    const replayId = await replay(paused.endpoint_id);
    const asked = await system.db.transaction().execute(async (page) => {
      await page
        .selectFrom('webhook_replay')
        .selectAll()
        .where('replay_id', '=', replayId)
        .forUpdate()
        .execute();
      const answer = cancel(replayId, paused.endpoint_id);
      await page
        .updateTable('webhook_replay')
        .set({ state, matched: 7, cursor: '9' })
        .where('replay_id', '=', replayId)
        .execute();
      return { answer };
    });
    expect(await asked.answer).toEqual({ kind });
    const row = { state: state === 'running' ? 'canceled' : 'done', matched: 7, cursor: '9' };
    expect(await rowOf(replayId)).toMatchObject(row);
  },
);

test('a replay that cannot be read from the log keeps no other from going on', async () => {
  await migrate(system.db);
  await using resources = new AsyncDisposableStack();
  const endpoints = resources.adopt(await watchEndpoints(system.bus), (watch) => watch.close());
  const partitions = (['webhook_message', 'webhook_delivery', 'webhook_attempt'] as const).map((table) =>
    createDailyPartitions(system.db, table),
  );
  const page = () =>
    replayPage({
      db: system.db,
      endpoints,
      partitions,
      now: Date.now,
      replayBacklog: 1_000,
      retryMs: 60_000,
      publicUrl: 'https://errand.example',
      lifeMs: 3_600_000,
      retentionMs: 86_400_000,
      states: { isDisabled: () => false },
      actions: { peek: () => undefined, caughtUp: async () => {} },
      bus: {
        ...system.bus,
        jobs: { ...system.bus.jobs, lastEvent: () => Promise.reject(new Error('the log is away')) },
      },
    });
  const { endpoint_id } = await addEndpoint('/hook');
  const start = async (about: Partial<WebhookRequest<'replay'>>, atMs: number) =>
    (await startReplay(system.db, requestOf(endpoint_id, about), atMs)) ?? '';
  const missed = await start({}, Date.now() - 1_000);
  const failed = await start({ only: 'failed' }, Date.now());
  await expect(page()).rejects.toThrow('the log is away');
  expect(await page()).toMatchObject({ replay_id: failed });
  expect(await page()).toBeUndefined();
  expect(await rowOf(failed)).toMatchObject({ state: 'done' });
  expect(await rowOf(missed)).toMatchObject({ state: 'running' });
});
