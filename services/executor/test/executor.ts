import { randomUUIDv7 } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { type Bus, openBus } from '@errand/bus';
import {
  ActionRecord,
  BUCKETS,
  currentContract,
  DEFAULT_TOPOLOGY,
  type JobFact,
  type JobRef,
  type PayloadRef,
  toJobEvent,
} from '@errand/contracts';
import { foldJob, isEnded, type JobState } from '@errand/domain';
import { REQUEST } from '@errand/domain/testing';
import { createLogger, parseConfig } from '@errand/runtime';
import {
  startTestNats,
  startTestScheduler,
  type TestNats,
  type TestScheduler,
  waitUntil,
} from '@errand/testkit';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { settings } from '../src/config.ts';
import { startExecutor } from '../src/start.ts';

/* Test-only: executors of the test actions, and jobs for them. */

const ACTIONS = [
  new URL('./fixtures/actions.ts', import.meta.url),
  new URL('./fixtures/files.ts', import.meta.url),
]
  .map((url) => fileURLToPath(url))
  .join();

export type TestExecutor = Awaited<ReturnType<typeof startExecutor>>;

const schedulers = new Map<string, { started: Promise<TestScheduler>; users: number }>();

/** One for each NATS, for as long as somebody uses it. */
export async function useScheduler(natsUrl: string): Promise<AsyncDisposable> {
  const shared = schedulers.get(natsUrl) ?? { started: startTestScheduler(natsUrl), users: 0 };
  schedulers.set(natsUrl, shared);
  shared.users++;
  await shared.started;
  return {
    async [Symbol.asyncDispose]() {
      if (--shared.users > 0) return;
      schedulers.delete(natsUrl);
      await (await shared.started)[Symbol.asyncDispose]();
    },
  };
}

/** A failure of the executor itself fails the test through an unhandled rejection. */
export async function startTestExecutor(
  natsUrl: string,
  env: Record<string, string> = {},
  now = Date.now,
): Promise<TestExecutor> {
  const config = parseConfig(settings, {
    NATS_URL: natsUrl,
    ERRAND_OPS_PORT: '0',
    ERRAND_ACTIONS: ACTIONS,
    ...env,
  });
  const context = {
    log: createLogger({ service: 'executor', level: 'silent' }),
    signal: new AbortController().signal,
    fail: (error: unknown) => void Promise.reject(error),
  };
  await using resources = new AsyncDisposableStack();
  resources.use(await useScheduler(natsUrl));
  const executor = resources.use(await startExecutor(config, context, { now }));
  const owned = resources.move();
  return { opsPort: executor.opsPort, [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose]() };
}

export function openExecutorTestBus(servers: string): Promise<Bus> {
  const topology = DEFAULT_TOPOLOGY;
  return openBus({ servers, name: 'test', topology });
}

export let nats: TestNats;
export let bus: Bus;
export let jobs: TestJobs;
export let executor: TestExecutor;

/** Gives the tests of a file a log and a way to write jobs, and if wanted an executor: one for all, or one for each. */
export function startForFile(
  options: { executor?: 'file' | 'each' | 'none'; env?: Record<string, string> } = {},
): void {
  const { executor: wanted = 'none', env } = options;
  const start = async () => {
    executor = await startTestExecutor(nats.url, env);
  };
  const stop = () => executor?.[Symbol.asyncDispose]();
  beforeAll(async () => {
    nats = await startTestNats();
    bus = await openExecutorTestBus(nats.url);
    jobs = testJobs(bus);
    if (wanted === 'file') await start();
  });
  if (wanted === 'each') {
    beforeEach(start);
    afterEach(stop);
  }
  afterAll(async () => {
    if (wanted === 'file') await stop();
    await bus?.[Symbol.asyncDispose]();
    await nats?.[Symbol.asyncDispose]();
  });
}

/** Another one, from here on. */
export function useExecutor(next: TestExecutor): void {
  executor = next;
}

export interface TestJobs {
  append(ref: JobRef, expectedVersion: number, fact: JobFact, traceparent?: string): Promise<number>;
  request(
    action: string,
    input: unknown,
    options?: {
      traceparent?: string;
      startAfter?: string;
      finishBy?: string;
      inputRef?: PayloadRef;
      /** Default: the one that is announced, once one is. */
      contractId?: string;
    },
  ): Promise<JobRef>;
  /** Of the contract that is announced, once one is. */
  contractIdOf(action: string): Promise<string>;
  newRef(action: string): JobRef;
  typesOf(ref: JobRef): Promise<string[]>;
  stateWhen(ref: JobRef, holds: (state: JobState) => boolean, timeoutMs?: number): Promise<JobState>;
  ended(ref: JobRef): Promise<JobState>;
}

export function testJobs(bus: Bus): TestJobs {
  /** As a gateway knows it. */
  async function contractIdOf(action: string): Promise<string> {
    const actions = await bus.buckets.open(BUCKETS.actions, ActionRecord);
    return waitUntil(async () => currentContract(await actions.get(action))?.contract.contract_id, {
      timeoutMs: 20_000,
      intervalMs: 20,
    });
  }
  const jobs: TestJobs = {
    async append(ref, expectedVersion, fact, traceparent) {
      const about = { jobId: ref.jobId, source: '/errand/test', timeMs: Date.now(), traceparent } as const;
      const event = toJobEvent(fact, { id: randomUUIDv7(), ...about });
      const outcome = await bus.jobs.append({ ref, event, expectedVersion });
      if (outcome.kind !== 'appended') throw new Error(outcome.kind);
      return outcome.version;
    },
    async request(action, input, { traceparent, startAfter, finishBy, inputRef, contractId } = {}) {
      const ref = jobs.newRef(action);
      const after = startAfter === undefined ? {} : { start_after: startAfter };
      const end = finishBy === undefined ? {} : { finish_by: finishBy };
      const asked = inputRef ? { input: undefined, input_ref: inputRef } : { input };
      const contract_id = contractId ?? (await jobs.contractIdOf(action));
      const data = {
        ...REQUEST,
        action,
        contract_id,
        resource: { sum_id: 's-1' },
        ...asked,
        ...after,
        ...end,
      };
      await jobs.append(ref, 0, { type: 'JobRequested', data }, traceparent);
      return ref;
    },
    contractIdOf,
    newRef: (action) => ({ tenantId: 'acme', action, jobId: randomUUIDv7() }),
    typesOf: async (ref) => (await bus.jobs.read(ref)).map(({ event }) => event.type),
    stateWhen: (ref, holds, timeoutMs = 20_000) =>
      waitUntil(
        async () => {
          const events = await bus.jobs.read(ref);
          const state = foldJob(events);
          if (state && holds(state)) return state;
          throw new Error(
            `${ref.action}: ${events.map(({ event }) => `${event.type} ${event.time}`).join(', ')}`,
          );
        },
        { timeoutMs, intervalMs: 20 },
      ),
    ended: (ref) => jobs.stateWhen(ref, (state) => isEnded(state.phase.value.status)),
  };
  return jobs;
}

/** How many attempts an executor has ended so, by its own metrics. */
export async function attemptsEnded(
  executor: TestExecutor,
  action: string,
  outcome: string,
): Promise<number> {
  const metrics = await (await fetch(`http://127.0.0.1:${executor.opsPort}/metrics`)).text();
  const line = metrics
    .split('\n')
    .find(
      (each) =>
        each.startsWith('errand_attempt_duration_seconds_count') &&
        each.includes(`action="${action}"`) &&
        each.includes(`outcome="${outcome}"`),
    );
  return Number(line?.split(' ').at(-1) ?? 0);
}
