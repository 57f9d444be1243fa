import type { JobRef } from '@errand/contracts';
import { startTestNats, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bus } from '../src/bus.ts';
import { LogUnavailable } from '../src/errors.ts';
import { newJob, openTestBus, requested, started } from './bus.ts';

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

async function aStartedJob(ref: JobRef): Promise<JobRef> {
  const asked = await bus.jobs.append({ ref, event: requested(ref), expectedVersion: 0 });
  if (asked.kind !== 'appended') throw new Error('the test lost a race against nobody');
  await bus.jobs.append({ ref, event: started(ref), expectedVersion: asked.version });
  return ref;
}

test('requests come in the requested order, even for more jobs than fit one read', async () => {
  const jobs = await Promise.all(Array.from({ length: 130 }, () => aStartedJob(newJob())));
  const wanted = [newJob(), ...jobs, newJob(), ...jobs.slice(0, 3)];
  const found = await bus.jobs.readRequests(wanted);
  expect(found.map((request) => request?.ref)).toEqual([undefined, ...jobs, undefined, ...jobs.slice(0, 3)]);
  expect(new Set(found.map((request) => request?.event.type))).toEqual(new Set([undefined, 'JobRequested']));
  expect(await bus.jobs.readRequests([])).toEqual([]);
});

test('jobs of several tenants that have the same id are told apart', async () => {
  const ours = await aStartedJob(newJob());
  const theirs = { ...ours, tenantId: 'others' };
  expect(await bus.jobs.readRequests([theirs])).toEqual([undefined]);
  await aStartedJob(theirs);
  const found = await bus.jobs.readRequests([theirs, ours]);
  expect(found.map((request) => request?.ref.tenantId)).toEqual(['others', 'acme']);
});

test('a log that cannot be reached is not taken for one without requests', async () => {
  const lonely = await startTestNats();
  const lost = await openTestBus(lonely.url);
  await lonely[Symbol.asyncDispose]();
  await expect(lost.jobs.readRequests([newJob()])).rejects.toBeInstanceOf(LogUnavailable);
  await lost[Symbol.asyncDispose]();
});
