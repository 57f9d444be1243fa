import { startNatsProxy, startTestNats, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bus } from '../src/bus.ts';
import { LogUnavailable } from '../src/errors.ts';
import { connectionOf } from '../src/testing.ts';
import { newJob, openTestBus, requested } from './bus.ts';

/** A log cannot let go of what is younger than its window of duplicates. */
const TRIMMED_MS = 300;

let nats: TestNats;
let bus: Bus;
beforeAll(async () => {
  nats = await startTestNats();
  bus = await openTestBus(nats.url);
});
afterAll(async () => {
  await bus?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

test('reads of existing and missing jobs leave no subscription behind', async () => {
  const ref = newJob();
  await bus.jobs.append({ ref, event: requested(ref), expectedVersion: 0 });
  // The first request makes the inbox that all later ones share.
  await bus.jobs.read(ref);
  const before = subscriptions();
  for (let reads = 0; reads < 20; reads++) {
    expect(await bus.jobs.read(ref)).toHaveLength(1);
    expect(await bus.jobs.read(newJob())).toEqual([]);
  }
  expect(subscriptions()).toBe(before);
});

test.each([
  ['the version that the leader told', undefined],
  ['a version that was known before', 'version'],
])('a job that leaves the log while it is read, behind %s, is not there', async (_, known) => {
  await using proxy = await startNatsProxy(nats.url);
  await using reading = await openTestBus(proxy.url);
  const ref = newJob();
  const outcome = await bus.jobs.append({ ref, event: requested(ref), expectedVersion: 0 });
  if (outcome.kind !== 'appended') throw new Error(outcome.kind);
  const { version } = outcome;
  const { jobId } = ref;
  using asked = proxy.hold('client', (frame) => frame.includes('DIRECT.GET') && frame.includes(jobId));
  const told = Promise.withResolvers<void>();
  using _telling = proxy.hold('server', (frame) => {
    if (frame.includes(`"seq":${version}`)) told.resolve();
    return false;
  });
  const history = reading.jobs.read(known ? { ...ref, atLeast: version } : ref);
  await asked.caught;
  if (!known) await told.promise;
  await trimAll(version);
  asked.letGo();
  expect(await history).toEqual([]);
});

test('a job is not taken for one that is not there by a leader that does not know as much as the reader', async () => {
  const ref = newJob();
  const outcome = await bus.jobs.append({ ref, event: requested(ref), expectedVersion: 0 });
  if (outcome.kind !== 'appended') throw new Error(outcome.kind);
  const { version } = outcome;
  expect(await bus.jobs.read({ ...ref, known: version })).toHaveLength(1);
  await expect(bus.jobs.read({ ...ref, known: version + 1 })).rejects.toThrow(LogUnavailable);
  await expect(bus.jobs.read({ ...newJob(), known: version + 1 })).rejects.toThrow(LogUnavailable);
  expect(await bus.jobs.read({ ...newJob(), known: version })).toEqual([]);
  await trimAll(version);
  expect(await bus.jobs.read({ ...ref, known: version })).toEqual([]);
});

test('the history of a job that has left the log is not waited for', async () => {
  const ref = newJob();
  const outcome = await bus.jobs.append({ ref, event: requested(ref), expectedVersion: 0 });
  if (outcome.kind !== 'appended') throw new Error(outcome.kind);
  const { version } = outcome;
  const read = async () => {
    const found: number[] = [];
    for await (const page of bus.jobs.readHistory(ref, { fromVersion: version, toVersion: version })) {
      found.push(...page.map((each) => each.version));
    }
    return found;
  };
  expect(await read()).toEqual([version]);
  await trimAll(version);
  await expect(read()).rejects.toThrow('the job has left the log meanwhile');
});

/** Lets all leave up to a version, as a trim does. */
async function trimAll(version: number): Promise<void> {
  const storedMs = (await bus.jobs.storedAt(version)) ?? 0;
  await expect.poll(async () => (await bus.jobs.readWindow()).nowMs - storedMs).toBeGreaterThan(TRIMMED_MS);
  const beforeMs = storedMs + 1;
  await bus.jobs.trim({ beforeMs, neededFrom: { version: version + 1, storedMs: beforeMs } });
  await expect.poll(() => bus.jobs.storedAt(version)).toBeUndefined();
}

/** The client exposes no count, so its own list is looked at. */
function subscriptions(): number {
  return (
    connectionOf(bus) as unknown as { protocol: { subscriptions: { size(): number } } }
  ).protocol.subscriptions.size();
}
