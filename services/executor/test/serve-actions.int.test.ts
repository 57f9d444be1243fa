import { randomUUIDv7 } from 'node:crypto';
import { type Action, defineAction } from '@errand/actions';
import { type Bus, LogUnavailable } from '@errand/bus';
import { ActionRecord, BUCKETS, toJobEvent } from '@errand/contracts';
import { REQUEST } from '@errand/domain/testing';
import { createLogger } from '@errand/runtime';
import { startTestNats, startTestScheduler, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { createCallbackKeyring } from '../src/attempt/callback-keys.ts';
import { createAttemptRunner } from '../src/isolation/attempt-runner.ts';
import { type ExecutorDeps, onJobRequested } from '../src/serving/on-job-requested.ts';
import { type ServedActions, serveActions } from '../src/serving/serve-actions.ts';
import { openExecutorTestBus, type TestJobs, testJobs } from './executor.ts';

let nats: TestNats;
let scheduler: AsyncDisposable;
let bus: Bus;
let jobs: TestJobs;
const stop = new AbortController();
let deps: ExecutorDeps;
let served: ServedActions;
beforeAll(async () => {
  nats = await startTestNats();
  scheduler = await startTestScheduler(nats.url);
  bus = await openExecutorTestBus(nats.url);
  jobs = testJobs(bus);
  deps = {
    bus,
    log: createLogger({ service: 'executor', level: 'silent' }),
    tracing: undefined,
    executorId: 'test',
    leaseMs: 5_000,
    progressIntervalMs: 0,
    callbacks: createCallbackKeyring(bus.commands),
    isLogTight: async () => false,
    atWork: new Map(),
    giveUp: stop.signal,
    limits: {
      inlinePayloadBytes: 100_000,
      maxResultBytes: 100_000,
      storeResultMs: 10_000,
      payloadsTenantPercent: 100,
      logLineBytes: 1_000,
      logAttemptBytes: 1_000,
      callerLogBytesPerS: 65_536,
    },
    now: Date.now,
    logNow: Date.now,
    random: Math.random,
    onAttemptEnded: () => {},
    hasFailed: () => false,
    onStray: () => {},
  };
  const fail = (error: unknown) => void Promise.reject(error);
  served = serveActions({ bus, deps, stopping: stop.signal, fail, onUnreadable: () => {} });
});
afterAll(async () => {
  stop.abort();
  await served?.idle();
  await bus?.[Symbol.asyncDispose]();
  await scheduler?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

function actionOf(name: string, run: () => void | Promise<void> = () => {}): Action {
  return defineAction({
    name,
    input: z.object({}),
    result: z.object({}),
    concurrency: 1,
    async run() {
      await run();
      return {};
    },
  });
}

test('versions of an action share its concurrency', async () => {
  const gate = Promise.withResolvers<void>();
  let atOnce = 0;
  let most = 0;
  const version = () =>
    actionOf('gated', async () => {
      most = Math.max(most, ++atOnce);
      await gate.promise;
      atOnce--;
    });
  await served.replace([{ action: version() }]);
  const first = await jobs.request('gated', {});
  await jobs.stateWhen(first, (state) => state.phase.value.status === 'running');
  const other = { action: actionOf('other') };
  await served.replace([{ action: version() }, other]);
  const second = await jobs.request('gated', {});
  // By the time that these are through, a version with slots of its own has long begun the second one.
  for (let index = 0; index < 5; index++) await jobs.ended(await jobs.request('other', {}));
  gate.resolve();
  await jobs.ended(first);
  await jobs.ended(second);
  expect(most).toBe(1);
});

test('an action that cannot be announced keeps no other from being announced, and is told', async () => {
  const action = actionOf('unsayable');
  const unsayable = { ...action, contract: { ...action.contract, description: 1n as unknown as string } };
  const both = [{ action: unsayable }, { action: actionOf('small') }];
  const { begun, failures } = await served.replace(both);
  expect(begun).toEqual([both[1]]);
  expect(failures).toHaveLength(1);
  const bucket = await bus.buckets.open(BUCKETS.actions, ActionRecord);
  expect(await bucket.get('small')).toMatchObject({ contracts: [{ contract: { name: 'small' } }] });
});

test('what the leader of the log does not know yet is not taken for done; what has left the log is', async () => {
  const action = actionOf('unknown');
  await using runner = createAttemptRunner(action, { onStray: () => {} });
  const ref = { tenantId: 'acme', action: 'unknown', jobId: randomUUIDv7() };
  const about = { id: randomUUIDv7(), jobId: ref.jobId, source: '/errand/test', timeMs: Date.now() } as const;
  const event = toJobEvent({ type: 'JobRequested', data: REQUEST }, about);
  const { lastVersion, beganAt } = await bus.jobs.reach();
  const deliver = (version: number) => {
    const work = { recorded: { ref, version, event }, deliveryCount: 2 };
    return onJobRequested(work, { action, runner, checkResult: undefined }, deps);
  };
  await expect(deliver(lastVersion + 1)).rejects.toThrow(LogUnavailable);
  expect(await deliver(beganAt - 1)).toEqual({ kind: 'done' });
});
