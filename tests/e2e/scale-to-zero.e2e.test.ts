import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobSummary, RunAccepted } from '@errand/contracts';
import { createTestDatabase, startTestNats, waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  createAutoscaler,
  createScaledExecutors,
  type Demand,
  type ScaledExecutors,
} from './scaled-executors.ts';
import { type System, startSystem } from './system.ts';

/*
 * No executor of an action runs while it has nothing to do, and no job is stranded by that: whatever waits for a time is told
 * to the autoscaler before it is due, and until it has ended.
 */

const TENANT = 'scaled';
const SLOTS = 2;
const MOST = 3;
const ACTION = `import { setTimeout as sleep } from 'node:timers/promises';
import { defineAction, z } from '@errand/actions';
import { RetryLater } from '@errand/actions/execution';
export const action = defineAction({
  name: 'scaled', concurrency: ${SLOTS}, retry: { maxAttempts: 4 },
  input: z.object({ failures: z.number().default(0), after_ms: z.number().default(0) }), result: z.object({}),
  run: async ({ attempt, input }) => {
    await sleep(50);
    if (attempt <= input.failures) throw new RetryLater('not yet', input.after_ms);
    return {};
  },
});
`;
const resources = new AsyncDisposableStack();
let system: System;
let apiKey: string;
let executors: ScaledExecutors;

beforeAll(async () => {
  // Inside the repository, where action files can resolve their imports.
  const ignored = join(import.meta.dirname, '..', '..', '.errand');
  await mkdir(ignored, { recursive: true });
  const folder = await mkdtemp(join(ignored, 'scaled-'));
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'action.ts'), ACTION);
  const { url: natsUrl } = resources.use(await startTestNats());
  const { url: databaseUrl } = resources.use(await createTestDatabase());
  system = resources.use(await startSystem({ natsUrl, databaseUrl }));
  const env = { NATS_URL: natsUrl, ERRAND_ACTIONS: join(folder, 'action.ts'), ERRAND_LOG_LEVEL: 'warn' };
  executors = resources.use(createScaledExecutors(env));
  await call('PUT', `/admin/tenants/${TENANT}`, { key: system.adminKey });
  const made = await call('POST', `/admin/tenants/${TENANT}/keys`, {
    key: system.adminKey,
    body: { name: 'k' },
  });
  apiKey = ((await made.json()) as { api_key: string }).api_key;
  // A Deployment begins with one copy, which announces the action.
  executors.scaleTo(1);
  await waitUntil(async () => (await call('GET', `/v2/tenants/${TENANT}/actions/scaled`)).ok, {
    timeoutMs: 30_000,
  });
});
afterAll(() => resources.disposeAsync());

function call(
  method: string,
  path: string,
  { body, key = apiKey }: { body?: object; key?: string } = {},
): Promise<Response> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  return fetch(system.url + path, { method, headers, body: body ? JSON.stringify(body) : null });
}

async function ask(): Promise<Demand> {
  const answer = await call('GET', '/admin/stats', { key: system.adminKey });
  expect(answer.status).toBe(200);
  // As KEDA's valueLocation has it: actions.scaled.
  return ((await answer.json()) as { actions: { scaled: Demand } }).actions.scaled;
}

async function run(input: object, job: object = {}): Promise<string> {
  const answer = await call('POST', `/v2/tenants/${TENANT}/scaled/run`, { body: { ...input, _job: job } });
  expect(answer.status).toBe(202);
  return ((await answer.json()) as RunAccepted).job_id;
}

async function summaryOf(jobId: string): Promise<JobSummary> {
  return (await (await call('GET', `/v2/tenants/${TENANT}/jobs/${jobId}`)).json()) as JobSummary;
}

async function areAll(jobIds: readonly string[], status: JobSummary['status']): Promise<boolean> {
  const found = await Promise.all(jobIds.map(summaryOf));
  return found.every((job) => job.status === status);
}

const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();
const times = <T>(count: number, make: () => Promise<T>) => Promise.all(Array.from({ length: count }, make));
const autoscaler = () => createAutoscaler(executors, { slots: SLOTS, most: MOST, ask });

/** Scales until nothing is to be done and no copy is left, not even in the eyes of the gateways. */
async function scaleToNone({ look }: ReturnType<typeof autoscaler>): Promise<void> {
  const isNone = async () => {
    const { demand, copies } = await look();
    return copies === 0 && demand.slots === 0;
  };
  await waitUntil(isNone, { timeoutMs: 60_000, intervalMs: 250 });
}

/** What is wanted until so many jobs are queued, while nobody scales. */
async function wantedUntilQueued(jobs: number): Promise<number[]> {
  const wanted: number[] = [];
  const isQueued = async () => {
    const demand = await ask();
    wanted.push(demand.wanted);
    return demand.queued === jobs;
  };
  await waitUntil(isQueued, { timeoutMs: 60_000 });
  return wanted;
}

test('a start_after and a retry that come due with no executor alive are wanted all the time, and run', async () => {
  const scaler = autoscaler();
  await scaleToNone(scaler);
  const delayed = await run({}, { start_after: inMs(2_000) });
  expect(new Set(await wantedUntilQueued(1))).toEqual(new Set([1]));
  // The last copy has to be gone before it is due, also on a busy machine.
  const retried = await run({ failures: 1, after_ms: 25_000 });
  await waitUntil(
    async () => {
      await scaler.look();
      return (await areAll([delayed], 'succeeded')) && (await summaryOf(retried)).attempt.next_at !== null;
    },
    { timeoutMs: 60_000, intervalMs: 100 },
  );
  executors.scaleTo(0);
  expect(new Set(await wantedUntilQueued(1))).toEqual(new Set([1]));
  await waitUntil(
    async () => {
      await scaler.look();
      return areAll([retried], 'succeeded');
    },
    { timeoutMs: 60_000, intervalMs: 250 },
  );
}, 240_000);

test('copies come and go with jobs, retries and delayed starts: there are none between, and no job is stranded', async () => {
  const scaler = autoscaler();
  await scaleToNone(scaler);
  // What is there now has to end while these are not due soon, also on a busy machine.
  const delayedUntil = inMs(130_000);
  const delayed = await times(2, () => run({}, { start_after: delayedUntil }));
  const late = await times(2, () => run({ failures: 1, after_ms: 120_000 }));
  const soon = await times(4, () => run({ failures: 2, after_ms: 500 }));
  const now = await times(12, () => run({}));

  const begunAt = scaler.looks.length;
  await waitUntil(
    async () => {
      const { copies } = await scaler.look();
      return copies === 0 && areAll([...now, ...soon], 'succeeded');
    },
    { timeoutMs: 60_000, intervalMs: 250 },
  );
  const first = scaler.looks.slice(begunAt);
  expect(Math.max(...first.map(({ copies }) => copies))).toBe(MOST);
  expect(first.at(-1)).toMatchObject({ copies: 0, demand: { queued: 0, running: 0, due_within_60s: 0 } });
  expect(await areAll([...late, ...delayed], 'queued')).toBe(true);
  const dueMs = (await Promise.all([...late, ...delayed].map(summaryOf))).map(({ attempt }) =>
    Date.parse(attempt.next_at ?? ''),
  );

  const secondAt = scaler.looks.length;
  await waitUntil(
    async () => {
      await scaler.look();
      return areAll([...late, ...delayed], 'succeeded');
    },
    { timeoutMs: 180_000, intervalMs: 500 },
  );
  const second = scaler.looks.slice(secondAt);
  // Wanted before any of them was due, when nobody could have run it.
  const up = second.find(({ copies }) => copies > 0);
  expect(up).toMatchObject({ before: 0, demand: { queued: 0, running: 0 } });
  expect(up?.atMs).toBeLessThan(Math.min(...dueMs));
  await scaleToNone(scaler);
  const ended = [...now, ...soon, ...late, ...delayed];
  expect(await areAll(ended, 'succeeded')).toBe(true);
  const counts = scaler.looks.map(({ copies }) => copies).filter((each, at, all) => each !== all[at - 1]);
  console.log('scaled', { jobs: ended.length, looks: scaler.looks.length, copies: counts.join(' ') });
}, 300_000);
