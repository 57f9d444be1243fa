import { TIMERS_CONSUMER, TIMERS_STREAM } from '@errand/contracts';
import { startTestNats, type TestNats } from '@errand/testkit';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bus } from './bus.ts';
import { provisionConsumer } from './provision.ts';
import { newJob, openTestBus } from './test-bus.ts';
import { consumeDueTimers } from './timers.ts';

let nats: TestNats;
let bus: Bus;
const stop = new AbortController();
const due = new Map<string, number[]>();
let more = Promise.withResolvers<void>();
let consuming: Promise<void>;

beforeAll(async () => {
  nats = await startTestNats();
  bus = await openTestBus(nats.url);
  await provisionConsumer(bus.nc, TIMERS_CONSUMER);
  consuming = consumeDueTimers(bus.nc, {
    slots: 8,
    signal: stop.signal,
    onError: () => {},
    handle: async ({ jobId }) => {
      due.set(jobId, [...(due.get(jobId) ?? []), Date.now()]);
      more.resolve();
      more = Promise.withResolvers();
      return { kind: 'done' };
    },
  });
});
afterAll(async () => {
  stop.abort();
  await consuming;
  await bus?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

async function untilDue(jobId: string): Promise<number[]> {
  for (;;) {
    const times = due.get(jobId);
    if (times) return times;
    await more.promise;
  }
}

test('a wait ends at its time, not before', async () => {
  const ref = newJob();
  const at = Date.now() + 1_000;
  await bus.scheduleDue(ref, at);
  const [ended = 0] = await untilDue(ref.jobId);
  expect(ended).toBeGreaterThanOrEqual(at);
});

test('a wait whose time is past ends at once', async () => {
  const ref = newJob();
  await bus.scheduleDue(ref, Date.now() - 60_000);
  await untilDue(ref.jobId);
});

test('a wait that is set again ends once, at the later time', async () => {
  const ref = newJob();
  const at = Date.now() + 1_500;
  await bus.scheduleDue(ref, Date.now() + 500);
  await bus.scheduleDue(ref, at);
  const other = newJob();
  await bus.scheduleDue(other, at + 500);
  await untilDue(other.jobId);
  expect(due.get(ref.jobId)?.length).toBe(1);
  expect(due.get(ref.jobId)?.[0]).toBeGreaterThanOrEqual(at);
});

test('a wait survives the death of the server, also one that ends meanwhile', async () => {
  const refs = [newJob(), newJob()] as const;
  await bus.scheduleDue(refs[0], Date.now() + 200);
  await bus.scheduleDue(refs[1], Date.now() + 2_500);
  await nats.kill();
  await nats.restart();
  await Promise.all(refs.map(({ jobId }) => untilDue(jobId)));
});

test('ended waits do not stay in the stream for ever', async () => {
  const jsm = await jetstreamManager(bus.nc);
  const message = await jsm.streams.getMessage(TIMERS_STREAM, { last_by_subj: 'timers.due.>' });
  expect(message?.header.get('Nats-TTL')).not.toBe('never');
});
