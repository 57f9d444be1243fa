import { type Db, openDatabase } from '@errand/postgres';
import { createTestDatabase, type Receiver, startReceiver, startTestNats, waitUntil } from '@errand/testkit';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Caller, createCaller } from './caller.ts';
import { type System, startSystem } from './system.ts';

/** A second 410 counts if it comes this long after the first one. */
const GONE_HOLD_MS = 60_000;
const JOBS = 20;

const resources = new AsyncDisposableStack();
let system: System;
let receiver: Receiver;
let db: Db;

beforeAll(async () => {
  const nats = resources.use(await startTestNats());
  const database = resources.use(await createTestDatabase());
  system = resources.use(await startSystem({ natsUrl: nats.url, databaseUrl: database.url }));
  receiver = resources.use(await startReceiver());
  db = resources.adopt(openDatabase({ url: database.url, name: 'e2e', poolSize: 2 }), (opened) =>
    opened.destroy(),
  );
});

afterAll(() => resources.disposeAsync());

test('a paused endpoint gets what it has missed by a replay, and only once', async () => {
  const caller = resources.use(await createCaller(system, 'pausing'));
  const since = new Date().toISOString();
  const endpointId = await addEndpoint(caller, '/pausing');
  const before = await runJobs(caller, 5);
  await untilReceived('/pausing', before);

  await post(caller, `${endpointId}/pause`);
  const missed = await runJobs(caller, JOBS);
  await untilTakenIn();
  await post(caller, `${endpointId}/resume`);
  expect(jobsReceived('/pausing').toSorted()).toEqual(before.toSorted());

  expect(await replay(caller, endpointId, { since, only: 'missed', dry_run: true })).toMatchObject({
    matched: JOBS,
    scheduled: 0,
  });
  expect(await replay(caller, endpointId, { since, only: 'missed' })).toMatchObject({ scheduled: JOBS });
  await untilReceived('/pausing', [...before, ...missed]);
  const after = await runJobs(caller, 1);
  await untilReceived('/pausing', [...before, ...missed, ...after]);
});

test('an endpoint that was disabled for being gone gets everything once it is resumed', {
  timeout: 180_000,
}, async () => {
  const caller = resources.use(await createCaller(system, 'gone'));
  const since = new Date().toISOString();
  let gone = true;
  receiver.respond = ({ url }) => (url === '/gone' && gone ? 410 : 200);
  const endpointId = await addEndpoint(caller, '/gone');
  const refused = await runJobs(caller, 1);
  await waitUntil(async () => (await stateOf(endpointId))?.gone_at, { timeoutMs: 30_000 });
  // Instead of waiting a minute: the first 410 is backdated while nobody has it in memory.
  await system.kill('webhooks', async () => {
    const agoText = new Date(Date.now() - GONE_HOLD_MS - 5_000).toISOString();
    await db
      .updateTable('webhook_endpoint_state')
      .set({ gone_at: agoText, failing_since: agoText, next_probe_at: agoText })
      .where('endpoint_id', '=', endpointId)
      .execute();
  });
  refused.push(...(await runJobs(caller, 1)));
  await waitUntil(async () => (await stateOf(endpointId))?.state === 'disabled', { timeoutMs: 60_000 });
  await waitUntil(async () => (await show(caller, endpointId)).health.state === 'disabled');

  const missed = await runJobs(caller, JOBS);
  await untilTakenIn();
  gone = false;
  receiver.requests.length = 0;
  await post(caller, `${endpointId}/resume`);
  expect(await replay(caller, endpointId, { since, only: 'missed' })).toMatchObject({ scheduled: JOBS });
  expect(await replay(caller, endpointId, { since, only: 'failed' })).toMatchObject({
    scheduled: refused.length,
  });
  await untilReceived('/gone', [...refused, ...missed]);
});

test('an endpoint gets what happened before it existed by a replay', async () => {
  const caller = resources.use(await createCaller(system, 'late'));
  const since = new Date().toISOString();
  const jobs = await runJobs(caller, JOBS);
  await untilTakenIn();
  const endpointId = await addEndpoint(caller, '/late');
  expect(await replay(caller, endpointId, { since, only: 'missed' })).toMatchObject({ scheduled: JOBS });
  await untilReceived('/late', jobs);
});

test('every request verifies while the secret is rotated under load, even for receivers that know only the old one', async () => {
  const caller = resources.use(await createCaller(system, 'rotating'));
  const { endpoint_id: endpointId, signing_secret: first } = await caller.createWebhook({
    ...{ url: `${receiver.url}/rotating`, method: 'POST' },
  });
  const streamed = runJobs(caller, 3 * JOBS);
  await waitUntil(() => jobsReceived('/rotating').length >= JOBS / 2, { timeoutMs: 30_000 });
  const second = (await post(caller, `${endpointId}/rotate-secret`, { grace_s: 600 }))
    .signing_secret as string;
  const during = [...(await streamed), ...(await runJobs(caller, JOBS))];
  await untilReceived('/rotating', during);

  const verdicts = requestsTo('/rotating').map((request) => [
    verifies(first, request),
    verifies(second, request),
  ]);
  console.log('secret rotation', {
    requests: verdicts.length,
    by_old_only: verdicts.filter(([old, next]) => old && !next).length,
    by_both: verdicts.filter(([old, next]) => old && next).length,
  });
  expect(verdicts.every(([old]) => old)).toBe(true);
  expect(verdicts.slice(-JOBS).every(([, next]) => next)).toBe(true);
  expect(verdicts.some(([, next]) => !next)).toBe(true);

  const third = (await post(caller, `${endpointId}/rotate-secret`, { grace_s: 0 })).signing_secret as string;
  const last = await runJobs(caller, 1);
  await untilReceived('/rotating', [...during, ...last]);
  const request = requestsTo('/rotating').at(-1);
  expect(request && [first, second, third].map((secret) => verifies(secret, request))).toEqual([
    true,
    false,
    true,
  ]);
});

async function addEndpoint(caller: Caller, path: string): Promise<string> {
  return (await caller.createWebhook({ url: receiver.url + path, method: 'POST' })).endpoint_id;
}

/** Runs jobs, a few at a time, and resolves with their ids when all have ended. */
async function runJobs(caller: Caller, count: number): Promise<string[]> {
  const jobIds: string[] = [];
  const remaining = Array.from({ length: count }).values();
  const lane = async () => {
    for (const _ of remaining) {
      const accepted = await caller.run();
      if (!accepted) throw new Error('a run was refused');
      jobIds.push(accepted.job_id);
      const isOver = async () => (await caller.status(accepted.job_id)).finished_at !== null;
      await waitUntil(isOver, { timeoutMs: 30_000 });
    }
  };
  await Promise.all(Array.from({ length: 4 }, lane));
  return jobIds;
}

/** Resolves when the webhooks service has processed all endings so far: a separate endpoint receives a last one. */
async function untilTakenIn(): Promise<void> {
  await using caller = await createCaller(system, `witness-${receiver.requests.length}`);
  const path = `/witness-${receiver.requests.length}`;
  await addEndpoint(caller, path);
  await untilReceived(path, await runJobs(caller, 1));
}

async function post(caller: Caller, path: string, body?: object): Promise<Record<string, unknown>> {
  const answer = await caller.call('POST', `/v2/tenants/${caller.tenantId}/webhooks/${path}`, body);
  if (answer.status >= 300) throw new Error(`refused: ${JSON.stringify(answer)}`);
  return answer.body as Record<string, unknown>;
}

async function show(caller: Caller, path: string) {
  const answer = await caller.call('GET', `/v2/tenants/${caller.tenantId}/webhooks/${path}`);
  if (answer.status !== 200) throw new Error(`refused: ${JSON.stringify(answer)}`);
  return answer.body as { state: string; health: { state: string } };
}

/** Starts a replay and resolves with it once it is over. */
async function replay(caller: Caller, endpointId: string, body: object) {
  const { replay_id } = await post(caller, `${endpointId}/replays`, body);
  return waitUntil(
    async () => {
      const seen = await show(caller, `${endpointId}/replays/${replay_id}`);
      if (seen.state === 'running') throw new Error(JSON.stringify(seen));
      return seen;
    },
    { timeoutMs: 60_000 },
  );
}

function stateOf(endpointId: string) {
  const states = db.selectFrom('webhook_endpoint_state').where('endpoint_id', '=', endpointId);
  return states.selectAll().executeTakeFirst();
}

function requestsTo(path: string) {
  return receiver.requests.filter(({ url }) => url === path);
}

function jobsReceived(path: string): string[] {
  return requestsTo(path).map(({ body }) => JSON.parse(body).data.job_id);
}

/** Resolves when exactly these jobs were received, each once. */
async function untilReceived(path: string, jobIds: readonly string[]): Promise<void> {
  await waitUntil(() => jobsReceived(path).length >= jobIds.length, { timeoutMs: 60_000 });
  expect(jobsReceived(path).toSorted()).toEqual(jobIds.toSorted());
}

function verifies(secret: string, { body, headers }: Receiver['requests'][number]): boolean {
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
}
