import { BUCKETS, ExecutorHeartbeat } from '@errand/contracts';
import { startTestScheduler, type TestScheduler } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  ADMIN_KEY,
  RUN_PATH,
  SIMULATE,
  STARTED,
  SUCCEEDED,
  startTestGateway,
  type TestGateway,
} from './gateway.ts';

let gateway: TestGateway;
const schedulers: TestScheduler[] = [];

beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(async () => {
  await Promise.all(schedulers.map((scheduler) => scheduler[Symbol.asyncDispose]()));
  await gateway?.[Symbol.asyncDispose]();
});

const ask = (token: string | null = ADMIN_KEY) => gateway.call('/admin/stats', { token });
const demand = async () => (await ask()).json.actions.simulate;
const run = async (job = {}) => {
  const { status, json } = await gateway.call(RUN_PATH, { body: { tilt_deg: 3, _job: job } });
  expect(status).toBe(202);
  return json as { job_id: string; version: number };
};
const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();
const NONE = {
  queued: 0,
  held: 0,
  limited: 0,
  running: 0,
  slots: 0,
  oldest_s: 0,
  due_within_60s: 0,
  wanted: 0,
};

test('without a scheduler nobody knows, and the answer says when to ask again', async () => {
  const { status, json, headers } = await ask();
  expect([status, json.code, headers.get('retry-after')]).toEqual([503, 'log_unavailable', '2']);
});

test('whichever of two schedulers answers, every job that was accepted is in it', async () => {
  schedulers.push(...(await Promise.all([1, 2].map(() => startTestScheduler(gateway.nats.url)))));
  expect((await ask()).json).toEqual({ actions: { simulate: NONE } });
  for (let jobs = 1; jobs <= 30; jobs++) {
    await run();
    expect(await demand()).toMatchObject({ queued: jobs, running: 0, due_within_60s: 0, wanted: jobs });
  }
  const { oldest_s } = await demand();
  expect(oldest_s).toBeGreaterThanOrEqual(0);
});

test('a job counts while it runs, and no more once it has ended', async () => {
  const before = await demand();
  const { job_id, version } = await run();
  const started = await gateway.append(job_id, version, STARTED);
  expect(await demand()).toMatchObject({ queued: before.queued, running: 1, wanted: before.wanted + 1 });
  await gateway.append(job_id, started ?? 0, SUCCEEDED);
  expect(await demand()).toMatchObject({ queued: before.queued, running: 0, wanted: before.wanted });
});

test('a job that waits for a time counts once that comes within a minute', async () => {
  const before = await demand();
  await run({ start_after: inMs(3_600_000) });
  expect(await demand()).toMatchObject({ due_within_60s: 0, wanted: before.wanted });
  await run({ start_after: inMs(50_000) });
  expect(await demand()).toMatchObject({ due_within_60s: 1, wanted: before.wanted + 1 });
});

test('jobs that a limit or a pause holds back want no slots', async () => {
  const { queued } = await demand();
  const set = (what: 'pause' | 'resume') =>
    gateway.call(`/admin/actions/simulate/${what}`, { method: 'POST', token: ADMIN_KEY });
  expect((await set('pause')).status).toBe(204);
  await expect.poll(async () => (await demand()).limited).toBeGreaterThan(0);
  const { held, limited, wanted } = await demand();
  expect([limited, wanted]).toEqual([held, queued - held + 1]);
  expect((await set('resume')).status).toBe(204);
  await expect.poll(async () => (await demand()).limited).toBe(0);
});

test('slots are those of living executors', async () => {
  const executors = await gateway.bus.buckets.open(BUCKETS.executors, ExecutorHeartbeat);
  for (const [executor_id, slots] of [
    ['e-1', 4],
    ['e-2', 12],
  ] as const) {
    const { contract_id } = SIMULATE;
    await executors.put(executor_id, {
      executor_id,
      protocol: 2,
      version: 'test',
      started_at: inMs(0),
      contracts: [{ action: 'simulate', contract_id, slots, running: 0 }],
    });
  }
  await expect.poll(async () => (await demand()).slots).toBe(16);
});

test('a scheduler that comes when all others are killed tells the same', async () => {
  const before = await demand();
  await Promise.all(schedulers.splice(0).map((scheduler) => scheduler.kill()));
  expect((await ask()).status).toBe(503);
  schedulers.push(await startTestScheduler(gateway.nats.url));
  await expect.poll(async () => (await ask()).status).toBe(200);
  const { queued, running, due_within_60s, wanted } = await demand();
  expect({ queued, running, due_within_60s, wanted }).toEqual({
    queued: before.queued,
    running: before.running,
    due_within_60s: before.due_within_60s,
    wanted: before.wanted,
  });
});

test('only the admin key may ask, and nothing but this', async () => {
  for (const token of [gateway.apiKey, null]) expect((await ask(token)).status).toBe(401);
  const asked = await gateway.call('/admin/stats?action=simulate', { token: ADMIN_KEY });
  expect([asked.status, asked.json.errors]).toMatchObject([422, [{ parameter: 'action' }]]);
});
