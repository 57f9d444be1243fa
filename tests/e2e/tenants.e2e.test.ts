import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Bus, openBus } from '@errand/bus';
import { DEFAULT_TOPOLOGY, isEndingType, type RecordedEvent } from '@errand/contracts';
import { settings as gatewaySettings, startGateway } from '@errand/gateway';
import { createLogger, parseConfig } from '@errand/runtime';
import { createTestDatabase, startTestNats, startTestScheduler, waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readWholeLog } from './read-log.ts';
import { type System, startSystem } from './system.ts';

/* Whose jobs run, and how many of them, by the log: whatever tenants ask for, and whichever process is killed. */

const ACTION = `import { setTimeout as sleep } from 'node:timers/promises';
import { defineAction, z } from '@errand/actions';
export const action = defineAction({
  name: 'hold', concurrency: 8,
  concurrencyKeys: [{ name: 'account', pointer: '/account', limit: 1 }],
  input: z.object({ ms: z.number(), account: z.string().optional() }), result: z.object({}),
  run: async ({ input }) => { await sleep(input.ms); return {}; },
});
`;
const resources = new AsyncDisposableStack();
let natsUrl: string;
let databaseUrl: string;
let folder: string;
let system: System;
let bus: Bus;

beforeAll(async () => {
  // Inside the repository, where action files can resolve their imports.
  const ignored = join(import.meta.dirname, '..', '..', '.errand');
  await mkdir(ignored, { recursive: true });
  folder = await mkdtemp(join(ignored, 'tenants-'));
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'action.ts'), ACTION);
  natsUrl = resources.use(await startTestNats()).url;
  databaseUrl = resources.use(await createTestDatabase()).url;
  // The executor of this test dies and is replaced by others.
  const settings = { ERRAND_LEASE_MS: '1500' };
  system = resources.use(await startSystem({ natsUrl, databaseUrl }, settings));
  bus = resources.use(await openBus({ servers: natsUrl, name: 'test', topology: DEFAULT_TOPOLOGY }));
  resources.use(await startTestScheduler(natsUrl));
  startExecutor();
  await tenant('first');
  await waitUntil(async () => (await call('GET', '/v2/tenants/first/actions/hold')).ok, {
    timeoutMs: 20_000,
  });
});
afterAll(() => resources.disposeAsync());

let executor: ChildProcess;
function startExecutor(): void {
  const main = join(import.meta.dirname, '..', '..', 'services', 'executor', 'src', 'main.ts');
  executor = spawn(process.execPath, [main], {
    env: {
      PATH: process.env.PATH,
      NATS_URL: natsUrl,
      ERRAND_ACTIONS: join(folder, 'action.ts'),
      ERRAND_OPS_PORT: '0',
      ERRAND_HOST: '127.0.0.1',
      ERRAND_LEASE_MS: '1500',
      ERRAND_LOG_LEVEL: 'warn',
    },
    stdio: 'inherit',
  });
  const started = executor;
  resources.defer(async () => {
    if (started.exitCode !== null || started.signalCode !== null) return;
    const gone = once(started, 'exit');
    started.kill('SIGKILL');
    await gone;
  });
}

function call(method: string, path: string, body?: unknown, url = system.url): Promise<Response> {
  const headers = { authorization: `Bearer ${system.adminKey}`, 'content-type': 'application/json' };
  return fetch(url + path, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
}

async function tenant(id: string, limits = {}): Promise<void> {
  const answer = await call('PUT', `/admin/tenants/${id}`, { limits });
  expect(answer.status).toBe(201);
  const isKnown = async () => (await call('GET', `/v2/tenants/${id}/actions`)).ok;
  await waitUntil(isKnown);
}

async function batch(id: string, items: readonly object[]): Promise<string[]> {
  const answer = await call('POST', `/v2/tenants/${id}/hold/run-batch`, { items });
  expect(answer.status).toBe(202);
  return ((await answer.json()) as { items: { job_id: string }[] }).items.map(({ job_id }) => job_id);
}

const eventsOf = async (id: string) => (await readWholeLog(bus)).filter(({ ref }) => ref.tenantId === id);

async function untilEnded(id: string, jobs: number): Promise<RecordedEvent[]> {
  return waitUntil(
    async () => {
      const events = await eventsOf(id);
      return events.filter(({ event }) => isEndingType(event.type)).length === jobs ? events : undefined;
    },
    { timeoutMs: 60_000, intervalMs: 200 },
  );
}

/** How many jobs were at executors at a time, at most: from their turn to their end. */
function mostTaken(events: readonly RecordedEvent[]): number {
  const taken = new Set<string>();
  let most = 0;
  for (const { ref, event } of events) {
    if (isEndingType(event.type) || event.type === 'JobRetrying') taken.delete(ref.jobId);
    else if (event.type === 'JobDue' || event.type === 'JobStarted') taken.add(ref.jobId);
    most = Math.max(most, taken.size);
  }
  return most;
}

test('one job of a small tenant ends among the first of a flood', async () => {
  await tenant('flood');
  await tenant('small');
  // Nothing runs until both have asked.
  executor.kill('SIGSTOP');
  await batch(
    'flood',
    Array.from({ length: 400 }, () => ({ ms: 25 })),
  );
  const run = await call('POST', '/v2/tenants/small/hold/run', { ms: 25 });
  expect(run.status).toBe(202);
  executor.kill('SIGCONT');
  await untilEnded('small', 1);
  const all = (await readWholeLog(bus)).filter(({ event }) => isEndingType(event.type));
  const place = all.findIndex(({ ref }) => ref.tenantId === 'small');
  const before = all.slice(0, place).filter(({ ref }) => ref.tenantId === 'flood').length;
  expect(before).toBeLessThan(200);
  await untilEnded('flood', 400);
});

test('no more than max_running jobs run, whichever process is killed, and all of them do in the end', async () => {
  await tenant('capped', { max_running: 3 });
  await batch(
    'capped',
    Array.from({ length: 40 }, () => ({ ms: 100 })),
  );
  for (const ended of [4, 10, 16]) {
    await waitUntil(
      async () => (await eventsOf('capped')).filter(({ event }) => isEndingType(event.type)).length >= ended,
      { timeoutMs: 30_000 },
    );
    await system.kill('scheduler');
    const gone = once(executor, 'exit');
    executor.kill('SIGKILL');
    await gone;
    startExecutor();
  }
  const events = await untilEnded('capped', 40);
  expect(mostTaken(events)).toBe(3);
  expect(events.filter(({ event }) => event.type === 'JobSucceeded').length).toBe(40);
});

test('jobs with the same key run one after the other, and others beside them', async () => {
  await tenant('keyed');
  const accounts = ['x', 'y', 'z'];
  await batch(
    'keyed',
    Array.from({ length: 24 }, (_, place) => ({ ms: 40, account: accounts[place % 3] })),
  );
  const events = await untilEnded('keyed', 24);
  const accountOf = new Map<string, string>();
  for (const { ref, event } of events) {
    if (event.type === 'JobRequested') accountOf.set(ref.jobId, event.data.concurrency?.[0]?.value ?? '');
  }
  for (const account of accounts) {
    expect(mostTaken(events.filter(({ ref }) => accountOf.get(ref.jobId) === account))).toBe(1);
  }
  expect(mostTaken(events)).toBe(3);
});

/** ERRAND_TEST_RATE_S=60 shows it over a minute. */
const RATE_S = Number(process.env.ERRAND_TEST_RATE_S ?? 6);
const RATE = 40;
/** What is not asked for while the machine stands still for ten seconds is asked for later, and none of it is lost. */
const BURST = 400;
const CALLERS_OF_EACH = 4;

test('a rate of runs holds over three gateways', { timeout: (RATE_S + 60) * 1_000 }, async () => {
  await tenant('rated', { runs_per_second: RATE, runs_burst: BURST });
  const urls = [system.url];
  for (const name of ['second', 'third']) {
    const config = parseConfig(gatewaySettings, {
      NATS_URL: natsUrl,
      DATABASE_URL: databaseUrl,
      ERRAND_ADMIN_KEY: system.adminKey,
      ERRAND_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
      ERRAND_PORT: '0',
    });
    const context = {
      log: createLogger({ service: name, level: 'silent' }),
      signal: new AbortController().signal,
      fail: (error: unknown) => void Promise.reject(error),
    };
    const gateway = resources.use(await startGateway(config, context));
    urls.push(`http://127.0.0.1:${gateway.port}`);
  }
  const untilMs = Date.now() + RATE_S * 1_000;
  let refused = 0;
  // A refused caller waits: with one at each gateway, what is allowed would not always be asked for in time.
  const callers = Array.from({ length: CALLERS_OF_EACH }, () => urls).flat();
  await Promise.all(
    callers.map(async (url) => {
      // To a refusal at last: then all that was allowed has been asked for.
      for (let isOver = false; !isOver; ) {
        const answer = await call('POST', '/v2/tenants/rated/hold/run', { ms: 0 }, url);
        await answer.arrayBuffer();
        if (answer.status === 429) refused++;
        else expect(answer.status).toBe(202);
        isOver = answer.status === 429 && Date.now() >= untilMs;
      }
    }),
  );
  const requests = (await eventsOf('rated')).filter(({ event }) => event.type === 'JobRequested');
  const seconds =
    (Date.parse(requests.at(-1)?.event.time ?? '') - Date.parse(requests[0]?.event.time ?? '')) / 1_000;
  expect(refused).toBeGreaterThan(0);
  const behindBurst = (requests.length - BURST) / (RATE * seconds);
  expect(behindBurst).toBeGreaterThan(0.9);
  expect(behindBurst).toBeLessThan(1.1);
});
