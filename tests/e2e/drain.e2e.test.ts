import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bus, openBus } from '@errand/bus';
import { DEFAULT_TOPOLOGY, type RecordedEvent, type RunAccepted } from '@errand/contracts';
import { createTestDatabase, startTestNats, waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readWholeLog } from './read-log.ts';
import { startExecutorCopy } from './scaled-executors.ts';
import { type System, startSystem } from './system.ts';

/*
 * Three rollouts and a scale-in while 200 long jobs run. Ten minutes are made eighteen seconds, and a lease of 30 s becomes
 * 6 s, which is longer than a busy machine stands still: an executor that is told to stop keeps its jobs over several leases. No job ends before the last executor was told to,
 * so that each of them goes on with all that it can run.
 */

const TENANT = 'drained';
const COPIES = 2;
const ROLLOUTS = 3;
const SLOTS = 25;
const JOBS = COPIES * (1 + ROLLOUTS) * SLOTS;
/** From when all executors but one have been told to stop. */
const JOB_MS = 18_000;
const LEASE_MS = 6_000;
const FINISH_GRACE_MS = 300_000;

const resources = new AsyncDisposableStack();
let folder: string;
let system: System;
let bus: Bus;
let executorEnv: Record<string, string>;
let apiKey: string;

/** An action whose attempts say where they begin, and end a while after they may. */
const actionIn = (place: string) => `import { existsSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineAction, z } from '@errand/actions';
async function mayEnd() {
  while (!existsSync(${JSON.stringify(join(place, 'may-end'))})) await sleep(100);
}
let ending: Promise<void> | undefined;
export const action = defineAction({
  name: 'drained', concurrency: ${SLOTS}, retry: { maxAttempts: 3 },
  input: z.object({}), result: z.object({}),
  run: async ({ jobId }) => {
    await appendFile(${JSON.stringify(join(place, 'begun'))}, process.pid + ' ' + jobId + '\\n');
    ending ??= mayEnd();
    await ending;
    await sleep(${JOB_MS});
    return {};
  },
});
`;

beforeAll(async () => {
  // Inside the repository, where action files can resolve their imports.
  const ignored = join(import.meta.dirname, '..', '..', '.errand');
  await mkdir(ignored, { recursive: true });
  folder = await mkdtemp(join(ignored, 'drained-'));
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'action.ts'), actionIn(folder));
  await writeFile(join(folder, 'begun'), '');
  const { url: natsUrl } = resources.use(await startTestNats());
  const { url: databaseUrl } = resources.use(await createTestDatabase());
  system = resources.use(await startSystem({ natsUrl, databaseUrl }));
  bus = resources.use(await openBus({ servers: natsUrl, name: 'drain', topology: DEFAULT_TOPOLOGY }));
  executorEnv = {
    NATS_URL: natsUrl,
    ERRAND_ACTIONS: join(folder, 'action.ts'),
    ERRAND_LEASE_MS: String(LEASE_MS),
    ERRAND_EXECUTOR_FINISH_GRACE_MS: String(FINISH_GRACE_MS),
    ERRAND_SHUTDOWN_GRACE_MS: String(FINISH_GRACE_MS + 10_000),
    ERRAND_LOG_LEVEL: 'warn',
  };
  await call('PUT', `/admin/tenants/${TENANT}`, { key: system.adminKey });
  const made = await call('POST', `/admin/tenants/${TENANT}/keys`, {
    key: system.adminKey,
    body: { name: 'k' },
  });
  apiKey = ((await made.json()) as { api_key: string }).api_key;
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

async function run(): Promise<string> {
  const answer = await call('POST', `/v2/tenants/${TENANT}/drained/run`, { body: {} });
  expect(answer.status).toBe(202);
  return ((await answer.json()) as RunAccepted).job_id;
}

/** A copy that has been started, and ends with the tests if it has not ended by then. */
function startCopy(): ChildProcess {
  const child = startExecutorCopy(executorEnv);
  resources.defer(() => void child.kill('SIGKILL'));
  return child;
}

/** Tells it to stop, and does not wait for that. Resolves with how it has ended. */
function stop(child: ChildProcess): Promise<unknown[]> {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  return ended;
}

/** Process and job of each attempt that was begun, as the action says. */
async function begun(): Promise<{ pid: number; jobId: string }[]> {
  const lines = (await readFile(join(folder, 'begun'), 'utf8')).split('\n').slice(0, -1);
  return lines.map((line) => {
    const [pid, jobId = ''] = line.split(' ');
    return { pid: Number(pid), jobId };
  });
}

/** Resolves when every slot of a copy is taken. */
function untilFull({ pid }: ChildProcess): Promise<unknown> {
  const isFull = async () => (await begun()).filter((each) => each.pid === pid).length === SLOTS;
  return waitUntil(isFull, { timeoutMs: 60_000, intervalMs: 100 });
}

/** How a job's attempts went, by its events in the log. */
function attemptsOf(events: readonly RecordedEvent[]) {
  const ofType = (type: RecordedEvent['event']['type']) => events.filter(({ event }) => event.type === type);
  const dues = events.flatMap(({ event }) => (event.type === 'JobDue' ? [event.data] : []));
  return {
    requested: ofType('JobRequested').length,
    started: events.flatMap(({ event }) => (event.type === 'JobStarted' ? [event.data.attempt] : [])),
    handedOver: dues.filter(({ handed_over_by }) => handed_over_by !== undefined).length,
    ended: events
      .map(({ event }) => event.type)
      .filter((type) => /Retrying|Succeeded|Failed|Canceled|Expired/.test(type)),
  };
}

test('jobs that run through rollouts and a scale-in end where they began, in one attempt', {
  timeout: 240_000,
}, async () => {
  let live = Array.from({ length: COPIES }, startCopy);
  await waitUntil(async () => (await call('GET', `/v2/tenants/${TENANT}/actions/drained`)).ok, {
    timeoutMs: 30_000,
  });
  const jobIds = await Promise.all(Array.from({ length: JOBS }, run));
  await Promise.all(live.map(untilFull));

  const stopped: Promise<unknown[]>[] = [];
  for (let rollout = 0; rollout < ROLLOUTS; rollout++) {
    const next: ChildProcess[] = [];
    for (const old of live) {
      const child = startCopy();
      next.push(child);
      await untilFull(child);
      stopped.push(stop(old));
    }
    live = next;
  }
  const [kept, ...superfluous] = live;
  stopped.push(...superfluous.map(stop));
  // All of them run, and all executors but one have been told to stop.
  expect(stopped).toHaveLength(JOBS / SLOTS - 1);
  expect(await Promise.race([...stopped, 'none has ended'])).toBe('none has ended');
  const running = await call('GET', '/admin/stats', { key: system.adminKey });
  expect((await running.json()) as object).toMatchObject({
    actions: { drained: { running: JOBS, queued: 0 } },
  });

  await writeFile(join(folder, 'may-end'), '');
  // Each ends by itself once its jobs have ended.
  expect(await Promise.all(stopped)).toEqual(stopped.map(() => [0, null]));
  const isOver = async () => (await endings(jobIds)).length === JOBS;
  await waitUntil(isOver, { timeoutMs: 30_000, intervalMs: 250 });

  const byJob = Map.groupBy(await readWholeLog(bus), ({ ref }) => ref.jobId);
  const inOneAttempt = { requested: 1, started: [1], handedOver: 0, ended: ['JobSucceeded'] };
  expect(jobIds.map((jobId) => [jobId, attemptsOf(byJob.get(jobId) ?? [])])).toEqual(
    jobIds.map((jobId) => [jobId, inOneAttempt]),
  );
  const begunJobs = (await begun()).map(({ jobId }) => jobId);
  expect(begunJobs.toSorted()).toEqual(jobIds.toSorted());
  expect(kept?.exitCode).toBeNull();
});

/** Those of the jobs that have ended, by the log. */
async function endings(jobIds: readonly string[]): Promise<RecordedEvent[]> {
  const wanted = new Set(jobIds);
  const log = await readWholeLog(bus);
  return log.filter(({ event, ref }) => wanted.has(ref.jobId) && event.type === 'JobSucceeded');
}
