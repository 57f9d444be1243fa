import { randomUUIDv7 } from 'node:crypto';
import { type Bus, openBucket, openBus } from '@errand/bus';
import { ActionContract, BUCKETS, type JobFact, type JobRef, toJobEvent } from '@errand/contracts';
import { foldJob, isEnded, type JobState } from '@errand/domain';
import { REQUEST } from '@errand/domain/testing';
import { createLogger, parseConfig } from '@errand/runtime';
import { startTestNats, type TestNats, waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { settings } from './config.ts';
import { startExecutor } from './start.ts';

const MODULES = [new URL('./test-actions.ts', import.meta.url).href];

let nats: TestNats;
let bus: Bus;
let executor: Awaited<ReturnType<typeof start>>;
const failures: unknown[] = [];

function start(env: Record<string, string> = {}) {
  const config = parseConfig(settings, { NATS_URL: nats.url, ERRAND_OPS_PORT: '0', ...env });
  return startExecutor(config, {
    log: createLogger({ service: 'executor', level: 'silent' }),
    signal: new AbortController().signal,
    fail: (error) => failures.push(error),
    modules: MODULES,
  });
}

beforeAll(async () => {
  nats = await startTestNats();
  executor = await start();
  bus = await openBus({
    servers: nats.url,
    name: 'test',
    topology: { replicas: 1, jobsMaxAgeHours: 48, jobsMaxBytes: 10_000_000_000 },
  });
});
afterAll(async () => {
  await bus?.[Symbol.asyncDispose]();
  await executor?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
  expect(failures).toEqual([]);
});

async function append(ref: JobRef, expectedVersion: number, fact: JobFact, traceparent?: string) {
  const id = randomUUIDv7();
  const event = toJobEvent(fact, {
    id,
    jobId: ref.jobId,
    source: '/errand/test',
    timeMs: Date.now(),
    traceparent,
  });
  const outcome = await bus.append({ ref, event, expectedVersion });
  if (outcome.kind !== 'appended') throw new Error(outcome.kind);
  return outcome.version;
}

async function request(action: string, input: unknown, traceparent?: string): Promise<JobRef> {
  const ref = { tenantId: 'acme', action, jobId: randomUUIDv7() };
  const data = { ...REQUEST, action, resource: { sum_id: 's-1' }, input };
  await append(ref, 0, { type: 'JobRequested', data }, traceparent);
  return ref;
}

function stateWhen(ref: JobRef, holds: (state: JobState) => boolean): Promise<JobState> {
  return waitUntil(
    async () => {
      const state = foldJob(await bus.readJob(ref));
      return state && holds(state) ? state : undefined;
    },
    { timeoutMs: 20_000, intervalMs: 20 },
  );
}

const ended = (ref: JobRef) => stateWhen(ref, (state) => isEnded(state.phase.value.status));

describe('an executor', () => {
  test('announces its contracts, with JSON Schemas', async () => {
    const bucket = await openBucket(bus.nc, BUCKETS.actions, ActionContract);
    expect(await bucket.get('add')).toMatchObject({
      resource: 'sums/{sum_id}',
      input_schema: { type: 'object', required: ['a', 'b'] },
      max_attempts: 3,
    });
  });

  test('runs a job to its result, with start and progress on the way', async () => {
    const ref = await request('add', { a: 1, b: 2 });
    const state = await ended(ref);
    expect(state.outcome.value.result).toEqual({ sum: 3, sum_id: 's-1' });
    expect(state.attempt.value.number).toBe(1);
    expect((await bus.readJob(ref)).map(({ event }) => event.type)).toEqual([
      'JobRequested',
      'JobStarted',
      'JobProgressed',
      'JobSucceeded',
    ]);
  });

  test("carries the caller's trace into every event", async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const ref = await request('add', { a: 1, b: 2 }, traceparent);
    await ended(ref);
    const traces = (await bus.readJob(ref)).map(({ event }) => event.traceparent);
    expect(traces).toEqual([traceparent, traceparent, traceparent, traceparent]);
  });
});

describe('a job fails, and its executor lives on,', () => {
  test.each([
    ['when its input passed the gateway but not the action', 'add', { a: 'one', b: 2 }, 'invalid_input'],
    ['when the action throws', 'misbehave', { how: 'throw' }, 'action_failed'],
    ['when the action returns what its own schema refuses', 'misbehave', { how: 'lie' }, 'invalid_result'],
    ['when the result is larger than an event may be', 'misbehave', { how: 'flood' }, 'result_too_large'],
    ['when the action takes longer than its timeout', 'misbehave', { how: 'hang' }, 'timed_out'],
    ['when a worker thread never comes back', 'busy', { how: 'spin' }, 'timed_out'],
    ['when a worker thread dies', 'busy', { how: 'exit' }, 'action_failed'],
  ])('%s', async (_, action, input, code) => {
    const state = await ended(await request(action, input));
    expect(state.phase.value.status).toBe('failed');
    expect(state.outcome.value.errors).toMatchObject([{ code }]);
    expect(JSON.stringify(state)).not.toContain('a secret of the database');
  });

  test('with the code, message and details of a PermanentError', async () => {
    const state = await ended(await request('misbehave', { how: 'refuse' }));
    expect(state.outcome.value.errors).toEqual([
      { code: 'too_steep', message: 'The roof is too steep.', details: [{ pointer: '#/tilt' }] },
    ]);
  });

  test('with a pointer to the wrong input', async () => {
    const state = await ended(await request('add', { a: 'one', b: 2 }));
    expect(state.outcome.value.errors[0]?.details).toMatchObject([{ pointer: '#/a' }]);
  });

  test('also in threads, which are replaced', async () => {
    await ended(await request('busy', { how: 'exit' }));
    const state = await ended(await request('busy', { how: 'answer' }));
    expect(state.outcome.value.result).toEqual({ ok: true });
  });
});

describe('a job that another executor has taken over', () => {
  test('cannot be ended here', async () => {
    const before = await attemptsEnded('misbehave', 'timed_out');
    const ref = await request('misbehave', { how: 'hang' });
    const running = await stateWhen(ref, (state) => state.phase.value.status === 'running');
    // As an executor does that found the lease over.
    const start = { attempt: 2, executor_id: 'elsewhere' };
    const version = await append(ref, running.version, { type: 'JobStarted', data: start });
    await waitUntil(async () => (await attemptsEnded('misbehave', 'timed_out')) > before);
    // Nothing came between: the append of the other executor is still the job's newest event.
    const result = { attempt: 2, result: { ok: true }, duration_ms: 1 };
    await append(ref, version, { type: 'JobSucceeded', data: result });
    expect((await ended(ref)).phase.value.status).toBe('succeeded');
  });
});

describe('a stop', () => {
  test('gives up what does not end in time and leaves the job to be taken over', async () => {
    await executor[Symbol.asyncDispose]();
    executor = await start({ ERRAND_SHUTDOWN_GRACE_MS: '100' });
    const ref = await request('wait', {});
    await stateWhen(ref, (state) => state.progress.value !== null);
    await executor[Symbol.asyncDispose]();
    expect(foldJob(await bus.readJob(ref))?.phase.value.status).toBe('running');
    executor = await start();
  });

  test('leaves nothing to do of a job that ended before its request was seen', async () => {
    await executor[Symbol.asyncDispose]();
    const ref = { tenantId: 'acme', action: 'add', jobId: randomUUIDv7() };
    const version = await append(ref, 0, {
      type: 'JobRequested',
      data: { ...REQUEST, input: { a: 1, b: 1 } },
    });
    await append(ref, version, { type: 'JobCanceled', data: { by: 'test' } });
    executor = await start();
    await ended(await request('add', { a: 1, b: 2 }));
    expect((await bus.readJob(ref)).map(({ event }) => event.type)).toEqual(['JobRequested', 'JobCanceled']);
  });
});

/** How many attempts this file's executor has ended so, by its own metrics. */
async function attemptsEnded(action: string, outcome: string): Promise<number> {
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
