import { AUDIT_STREAM } from '@errand/contracts';
import { startTestNats, type TestNats, waitUntil } from '@errand/testkit';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bus } from '../src/bus.ts';
import type { AuditQuery } from '../src/read/read-audit.ts';
import { connectionOf } from '../src/testing.ts';
import { eventOf, newJob, openTestBus, requested, started } from './bus.ts';

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

async function runJob(ref = newJob()) {
  const events = [
    requested(ref),
    started(ref),
    eventOf(ref, { type: 'JobSucceeded', data: { attempt: 1, result: 1, duration_ms: 1 } }),
  ];
  let version = 0;
  for (const event of events) {
    const outcome = await bus.jobs.append({ ref, event, expectedVersion: version });
    if (outcome.kind !== 'appended') throw new Error('a conflict');
    version = outcome.version;
  }
  await waitUntil(async () => (await bus.audit.version()) >= version, { timeoutMs: 10_000 });
  return { ref, events, version };
}

async function readAll(query: AuditQuery) {
  const entries = [];
  for await (const page of bus.audit.read(query)) entries.push(...page.entries);
  return entries;
}

async function eventsOf(query: AuditQuery) {
  const entries = await readAll(query);
  return entries.map(({ decoded }) => {
    if (decoded.kind !== 'event') throw new Error(decoded.reason);
    return decoded.recorded;
  });
}

test('every event comes back with its job and its version, in order', async () => {
  const { ref, events, version } = await runJob();
  const read = (await eventsOf({})).filter((each) => each.ref.jobId === ref.jobId);
  expect(read.map(({ event }) => event)).toEqual(events);
  expect(read.map((each) => each.version)).toEqual([version - 2, version - 1, version]);
  expect(read[0]?.ref).toEqual(ref);
});

test('a tenant, an action and types narrow what is read', async () => {
  const { ref } = await runJob({ ...newJob('multiply'), tenantId: 'other' });
  await runJob(newJob('multiply'));
  const read = await eventsOf({
    tenantId: 'other',
    action: 'multiply',
    types: ['JobRequested', 'JobSucceeded'],
  });
  expect(read.map((each) => each.ref)).toEqual([ref, ref]);
  expect(read.map(({ event }) => event.type)).toEqual(['JobRequested', 'JobSucceeded']);
  expect(await eventsOf({ tenantId: 'nobody' })).toEqual([]);
});

test('pages continue where the last one ended, even in another read', async () => {
  await runJob();
  const all = await readAll({});
  const read = [];
  let afterPosition = 0;
  while (read.length < all.length) {
    for await (const page of bus.audit.read({ afterPosition, pageSize: 2 })) {
      read.push(...page.entries);
      afterPosition = page.position;
      break;
    }
  }
  expect(read.map(({ position }) => position)).toEqual(all.map(({ position }) => position));
});

test('a read leaves no consumer behind, whether it went to the end or not', async () => {
  await runJob();
  const jsm = await jetstreamManager(connectionOf(bus));
  await readAll({ pageSize: 1 });
  for await (const _ of bus.audit.read({ pageSize: 1 })) break;
  expect((await jsm.streams.info(AUDIT_STREAM)).state.consumer_count).toBe(0);
});

test('a read whose consumer the server has forgotten continues after the last page', async () => {
  await runJob();
  await runJob();
  const jsm = await jetstreamManager(connectionOf(bus));
  const all = await readAll({});
  const read: number[] = [];
  for await (const page of bus.audit.read({ pageSize: 2 })) {
    read.push(...page.entries.map(({ position }) => position));
    for await (const { name } of jsm.consumers.list(AUDIT_STREAM))
      await jsm.consumers.delete(AUDIT_STREAM, name);
  }
  expect(read).toEqual(all.map(({ position }) => position));
  expect((await jsm.streams.info(AUDIT_STREAM)).state.consumer_count).toBe(0);
});

test('a version is found without reading what lies before it, also where the audit log has less than JOBS', async () => {
  const jobs = [];
  for (let count = 0; count < 6; count++) jobs.push(await runJob());
  const versions = jobs.flatMap(({ version }) => [version - 2, version - 1, version]);
  const findEach = async () => {
    const found = [];
    for (const version of versions) {
      const afterPosition = await bus.audit.positionBefore(version);
      const [first] = await readAll({ afterPosition, pageSize: 1 });
      found.push(first?.version);
    }
    return found;
  };
  expect(await findEach()).toEqual(versions);
  const [newest = 0] = versions.slice(-1);
  const end = await bus.audit.positionBefore(newest + 1);
  expect(await readAll({ afterPosition: end })).toEqual([]);
  // Every second entry of what is there is lost.
  const jsm = await jetstreamManager(connectionOf(bus));
  const [before] = versions;
  const from = await bus.audit.positionBefore(before ?? 0);
  for (let position = from + 2; position < end; position += 2) {
    await jsm.streams.deleteMessage(AUDIT_STREAM, position);
  }
  const kept = versions.filter((_, index) => index % 2 === 0 || index === versions.length - 1);
  expect(await findEach()).toEqual(versions.map((each) => kept.find((version) => version >= each)));
});

test('the requests of jobs that have left the log are found, of several tenants at once', async () => {
  const [first, second] = [await runJob(), await runJob({ ...newJob(), tenantId: 'second' })];
  const unknown = newJob();
  const limits = { maxEntries: 10_000, maxMs: 10_000 };
  const found = await bus.audit.readRequests([first.ref, second.ref, unknown], limits);
  expect([...found.keys()].toSorted()).toEqual([first.ref.jobId, second.ref.jobId].toSorted());
  expect(found.get(second.ref.jobId)?.event).toEqual(second.events[0]);
  expect((await bus.audit.readJob(first.ref, limits)).map(({ event }) => event)).toEqual(first.events);
  expect(await bus.audit.readJob(unknown, limits)).toEqual([]);
});
