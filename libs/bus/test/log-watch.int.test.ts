import { executorConsumer, JOBS_STREAM } from '@errand/contracts';
import { startTestNats, type TestNats, waitUntil } from '@errand/testkit';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBus } from '../src/bus.ts';
import { connectionOf } from '../src/testing.ts';
import { newJob, openTestBus, requested, started, TOPOLOGY } from './bus.ts';

let nats: TestNats;
beforeAll(async () => {
  nats = await startTestNats();
});
afterAll(() => nats?.[Symbol.asyncDispose]());

test('jobs that have yet to end are counted, whoever has them', async () => {
  await using bus = await openTestBus(nats.url);
  expect((await bus.jobs.countOpen()).jobs).toBe(0);
  await bus.consumers.provision(executorConsumer('add', { slot: 0, contractId: 'c1', leaseMs: 30_000 }));
  const jobs = [newJob(), newJob(), newJob()];
  for (const ref of jobs) await bus.jobs.append({ ref, event: requested(ref), expectedVersion: 0 });
  await bus.jobs.append({
    ref: newJob('unserved'),
    event: requested(newJob('unserved')),
    expectedVersion: 0,
  });
  expect((await bus.jobs.countOpen()).jobs).toBe(3);
  const answer = { kind: 'counted' as const, waiting: 2 };
  const refused = async () => ({ kind: 'refused' as const, code: 'invalid_request' as const, message: '' });
  const stop = await bus.commands.answerScheduler(
    {
      announce: refused,
      withdraw: refused,
      room: refused,
      usage: refused,
      place: refused,
      demand: refused,
      waiting_jobs: async () => answer,
    },
    () => {},
  );
  expect(await bus.jobs.countOpen()).toEqual({ jobs: 3 + 2, hasWaiting: true });
  stop();
  // The last known value.
  expect(await bus.jobs.countOpen()).toEqual({ jobs: 3 + 2, hasWaiting: false });
});

test('a log that is made anew is reported, and reuses no version of the old one', async () => {
  const replaced = Promise.withResolvers<Error>();
  await using bus = await openBus({
    servers: nats.url,
    name: 'test',
    topology: TOPOLOGY,
    ackTimeoutMs: 500,
    onReplaced: replaced.resolve,
  });
  const ref = newJob();
  const before = await bus.jobs.append({ ref, event: requested(ref), expectedVersion: 0 });
  const jsm = await jetstreamManager(connectionOf(bus));
  await jsm.streams.delete(JOBS_STREAM);
  await waitUntil(async () => !(await bus.isAnswering()));
  expect((await replaced.promise).message).toContain('the log was replaced');
  await using later = await openTestBus(nats.url);
  const after = await later.jobs.append({ ref, event: started(ref), expectedVersion: 0 });
  if (before.kind !== 'appended' || after.kind !== 'appended') throw new Error('not appended');
  expect(after.version).toBeGreaterThan(before.version);
  expect(String(after.version)).toMatch(/^\d{15}$/);
  expect(await later.isAnswering()).toBe(true);
});

test('a server that has the log and stores nothing does not answer', async () => {
  await using bus = await openTestBus(nats.url);
  expect(await bus.isAnswering()).toBe(true);
  await connectionOf(bus).request('$JS.API.STREAM.DELETE.KV_probes');
  await waitUntil(async () => !(await bus.isAnswering()));
  await using _ = await openTestBus(nats.url);
  await waitUntil(() => bus.isAnswering());
});
