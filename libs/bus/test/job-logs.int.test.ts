import { randomUUIDv7 } from 'node:crypto';
import { type JobLogBatch, type JobRef, jobLogSubject } from '@errand/contracts';
import { startTestNats, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Bus, connectionOf, openBus } from '../src/bus.ts';
import { TOPOLOGY } from './bus.ts';

let nats: TestNats;
let bus: Bus;

beforeAll(async () => {
  nats = await startTestNats();
  bus = await openBus({ servers: nats.url, name: 'test', topology: TOPOLOGY });
});

afterAll(async () => {
  await bus?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

const newRef = (tenantId = 'acme'): JobRef => ({ tenantId, action: 'add', jobId: randomUUIDv7() });

function batchOf(attempt: number, ...messages: string[]): JobLogBatch {
  const time = '2026-01-01T00:00:00.000Z';
  const entries = messages.map((message, index) => {
    return { type: 'log' as const, number: index + 1, time, message };
  });
  return { attempt, entries };
}

const all = { after: 0, limit: 10_000 };
const messagesOf = async (ref: JobRef, place = all) =>
  (await bus.jobLogs.read(ref, place)).entries.map(({ attempt, entry }) =>
    entry.type === 'log' ? `${attempt} ${entry.message}` : entry.type,
  );

test('what attempts tell is read in its order, page by page, and none of other jobs', async () => {
  const ref = newRef();
  const other = newRef();
  for (let batch = 0; batch < 60; batch++) {
    await bus.jobLogs.append(ref, batchOf(1, `a${batch}`, `b${batch}`), `1.${batch}.${ref.jobId}`);
    await bus.jobLogs.append(other, batchOf(1, 'other'), `1.${batch}.${other.jobId}`);
  }
  await bus.jobLogs.append(ref, batchOf(2, 'second'), `2.0.${ref.jobId}`);
  const whole = await bus.jobLogs.read(ref, all);
  expect(whole.hasMore).toBe(false);
  expect(await messagesOf(ref)).toEqual([
    ...Array.from({ length: 60 }, (_, batch) => [`1 a${batch}`, `1 b${batch}`]).flat(),
    '2 second',
  ]);
  const paged: number[] = [];
  for (let after = 0, hasMore = true; hasMore; after = paged.at(-1) ?? 0) {
    const page = await bus.jobLogs.read(ref, { after, limit: 7 });
    paged.push(...page.entries.map(({ id }) => id));
    hasMore = page.hasMore;
  }
  expect(paged).toEqual(whole.entries.map(({ id }) => id));
  expect(paged).toEqual(paged.toSorted((a, b) => a - b));
  expect(await bus.jobLogs.isAtEnd(ref, paged.at(-1) ?? 0)).toBe(true);
  expect(await bus.jobLogs.isAtEnd(ref, paged.at(-2) ?? 0)).toBe(false);
  expect(await bus.jobLogs.isAtEnd(newRef(), 0)).toBe(true);
  expect(await messagesOf({ ...ref, tenantId: 'other' })).toEqual([]);
});

test('a batch that is stored again under its id is there once', async () => {
  const ref = newRef();
  for (let tries = 0; tries < 3; tries++) {
    expect(await bus.jobLogs.append(ref, batchOf(1, 'once'), `once.${ref.jobId}`)).toBe(true);
  }
  expect(await messagesOf(ref)).toEqual(['1 once']);
});

test('what is no batch is passed by', async () => {
  const ref = newRef();
  const nc = connectionOf(bus);
  for (const said of ['', 'not JSON', '{"attempt":0,"entries":[]}', '[]']) {
    await nc.request(jobLogSubject(ref), said);
  }
  await bus.jobLogs.append(ref, batchOf(1, 'a line'), `batch.${ref.jobId}`);
  expect(await messagesOf(ref)).toEqual(['1 a line']);
});

test('who follows a job is told of what is stored of it', async () => {
  const ref = newRef();
  let woken = 0;
  const stop = bus.jobLogs.onStored(ref, () => {
    woken++;
  });
  await connectionOf(bus).flush();
  await bus.jobLogs.append(newRef(), batchOf(1, 'other'), 'of another job');
  await bus.jobLogs.append(ref, batchOf(1, 'own'), `own.${ref.jobId}`);
  await connectionOf(bus).flush();
  expect(woken).toBe(1);
  stop();
});

test('a tenant that is forgotten leaves nothing, and others keep theirs', async () => {
  const [gone, kept] = [newRef('gone'), newRef('kept')];
  await bus.jobLogs.append(gone, batchOf(1, 'x'), 'gone');
  await bus.jobLogs.append(kept, batchOf(1, 'y'), 'kept');
  expect(await bus.forget.purgeJobLogs('gone')).toBe(1);
  expect(await messagesOf(gone)).toEqual([]);
  expect(await messagesOf(kept)).toEqual(['1 y']);
});
