import { startTestNats, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AppendRequest } from '../src/append/append.ts';
import type { Bus } from '../src/bus.ts';
import { LogUnavailable } from '../src/errors.ts';
import { newJob, openTestBus, requested } from './bus.ts';

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

function requests(count: number): AppendRequest[] {
  return Array.from({ length: count }, () => {
    const ref = newJob();
    return { ref, event: requested(ref), expectedVersion: 0 };
  });
}

async function storedVersions(batch: readonly AppendRequest[]): Promise<(number | undefined)[]> {
  const versions: (number | undefined)[] = [];
  // A thousand reads at once would wait for each other longer than a read's timeout.
  for (let from = 0; from < batch.length; from += 50) {
    const jobs = await Promise.all(batch.slice(from, from + 50).map(({ ref }) => bus.jobs.read(ref)));
    versions.push(...jobs.map(([recorded]) => recorded?.version));
  }
  return versions;
}

test.each([1, 2, 1_000])('%d events are stored, each under the version in the answer', async (count) => {
  const batch = requests(count);
  const outcomes = await bus.jobs.appendBatch(batch);
  const versions = outcomes.map((outcome) => (outcome.kind === 'appended' ? outcome.version : undefined));
  expect(await storedVersions(batch)).toEqual(versions);
  expect(new Set(versions).size).toBe(count);
});

test('an empty list needs no batch', async () => {
  expect(await bus.jobs.appendBatch([])).toEqual([]);
});

test('one event that conflicts keeps none of the others from being stored', async () => {
  const batch = requests(5);
  const taken = batch[2];
  if (!taken) throw new Error('no request');
  await bus.jobs.append({ ...taken, event: requested(taken.ref) });
  const outcomes = await bus.jobs.appendBatch(batch);
  expect(outcomes.map(({ kind }) => kind)).toEqual([
    'appended',
    'appended',
    'conflict',
    'appended',
    'appended',
  ]);
});

test('a batch that is appended again gives the same answer and stores nothing', async () => {
  const batch = requests(20);
  const first = await bus.jobs.appendBatch(batch);
  expect(await bus.jobs.appendBatch(batch)).toEqual(first);
});

test('more batches at once than the server takes are all stored', async () => {
  const batches = Array.from({ length: 80 }, () => requests(10));
  const outcomes = await Promise.all(batches.map((batch) => bus.jobs.appendBatch(batch)));
  expect(outcomes.flat().every(({ kind }) => kind === 'appended')).toBe(true);
});

test('without a server the batch is left open, and the same batch settles it later', async () => {
  const batch = requests(10).map((request) => ({ ...request, deadlineMs: 300 }));
  await nats.kill();
  await expect(bus.jobs.appendBatch(batch)).rejects.toBeInstanceOf(LogUnavailable);
  await nats.restart();
  const patient = batch.map((request) => ({ ...request, deadlineMs: 20_000 }));
  const outcomes = await bus.jobs.appendBatch(patient);
  expect(outcomes.every(({ kind }) => kind === 'appended')).toBe(true);
});
