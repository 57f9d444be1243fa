import { startTestCluster } from '@errand/testkit';
import { expect, test } from 'vitest';
import { type Bus, openBus } from '../src/bus.ts';
import { newJob, requested, TOPOLOGY } from './bus.ts';

const ROUNDS = 150;
const AT_ONCE = 12;

/** Where a reader did not ask again, three in a thousand failed here. */
test('the audit log is read by any of three servers, whichever of them answers for the reader', {
  timeout: 120_000,
}, async () => {
  await using cluster = await startTestCluster();
  const topology = { ...TOPOLOGY, replicas: 3 };
  await using resources = new AsyncDisposableStack();
  const buses: Bus[] = [];
  for (const url of cluster.urls) {
    buses.push(resources.use(await openBus({ servers: url, name: 'reader', topology })));
  }
  const ref = newJob();
  await buses[0]?.jobs.append({ ref, event: requested(ref), expectedVersion: 0 });
  const read = async (place: number) => {
    let entries = 0;
    for await (const page of buses[place % buses.length]?.audit.read({}) ?? [])
      entries += page.entries.length;
    return entries;
  };
  await expect.poll(() => read(0)).toBe(1);
  for (let round = 0; round < ROUNDS; round++) {
    const found = await Promise.all(Array.from({ length: AT_ONCE }, (_, place) => read(place)));
    expect(found).toEqual(found.map(() => 1));
  }
});
