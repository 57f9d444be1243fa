import { randomUUIDv7 } from 'node:crypto';
import { type JobLogEntry, type JobRef, jobLogSubject } from '@errand/contracts';
import { startNatsProxy, startTestNats, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bus } from '../src/bus.ts';
import { connectionOf } from '../src/testing.ts';
import { openTestBus } from './bus.ts';

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

const newRef = (tenantId = 'acme'): JobRef => ({ tenantId, action: 'add', jobId: randomUUIDv7() });

const lines = (...messages: string[]): JobLogEntry[] =>
  messages.map((message, index) => {
    return { type: 'log', number: index + 1, time: '2026-01-01T00:00:00.000Z', message };
  });

const all = { after: 0, limit: 10_000 };
const messagesOf = async (ref: JobRef, place = all) =>
  (await bus.jobLogs.read(ref, place)).entries.map(({ attempt, entry }) =>
    entry.type === 'log' ? `${attempt} ${entry.message}` : entry.type,
  );

test('what attempts tell is read in its order, page by page, and none of other jobs', async () => {
  const ref = newRef();
  const other = newRef();
  const [tell, tellOther] = [bus.jobLogs.writer(ref, 1), bus.jobLogs.writer(other, 1)];
  for (let batch = 0; batch < 60; batch++) {
    expect(await tell(lines(`a${batch}`, `b${batch}`))).toBe(true);
    expect(await tellOther(lines('other'))).toBe(true);
  }
  await bus.jobLogs.writer(ref, 2)(lines('second'));
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
  expect(await messagesOf({ ...ref, tenantId: 'other' })).toEqual([]);
});

test('a page of long entries has fewer, and the next one goes on', async () => {
  const ref = newRef();
  const tell = bus.jobLogs.writer(ref, 1);
  const long = 'x'.repeat(60_000);
  for (let nr = 0; nr < 120; nr++) expect(await tell(lines(`${nr} ${long}`))).toBe(true);
  const first = await bus.jobLogs.read(ref, { after: 0, limit: 1_000 });
  expect(first.hasMore).toBe(true);
  expect(first.entries.length).toBeLessThan(120);
  const { id: after = 0 } = first.entries.at(-1) ?? {};
  const rest = await bus.jobLogs.read(ref, { after, limit: 1_000 });
  expect(rest.hasMore).toBe(false);
  expect(first.entries.length + rest.entries.length).toBe(120);
});

test('an attempt tells behind all that was told, and nothing behind a later one', async () => {
  const ref = newRef();
  const first = bus.jobLogs.writer(ref, 1);
  const second = bus.jobLogs.writer(ref, 2);
  const third = bus.jobLogs.writer(ref, 3);
  expect(await first(lines('a'))).toBe(true);
  expect(await second(lines('b'))).toBe(true);
  // The same attempt, elsewhere.
  expect(await bus.jobLogs.writer(ref, 2)(lines('c'))).toBe(true);
  expect(await second(lines('d'))).toBe(true);
  expect(await third(lines('e'))).toBe(true);
  expect(await first(lines('late'))).toBe(false);
  expect(await second(lines('late'))).toBe(false);
  expect(await messagesOf(ref)).toEqual(['1 a', '2 b', '2 c', '2 d', '3 e']);
});

test('a batch whose acknowledgement is lost is there once, and the next one behind it', async () => {
  await using proxy = await startNatsProxy(nats.url);
  await using telling = await openTestBus(proxy.url, 300);
  const ref = newRef();
  const tell = telling.jobLogs.writer(ref, 1);
  let acks = 0;
  using _lost = proxy.hold('server', (frame) => frame.includes('"stream":"LOGS"') && ++acks === 1);
  expect(await tell(lines('once'))).toBe(true);
  expect(await tell(lines('then'))).toBe(true);
  expect(acks).toBeGreaterThan(2);
  expect(await messagesOf(ref)).toEqual(['1 once', '1 then']);
});

test('what is no batch is passed by', async () => {
  const ref = newRef();
  const nc = connectionOf(bus);
  for (const said of ['', 'not JSON', '{"attempt":0,"entries":[]}', '[]']) {
    await nc.request(jobLogSubject(ref), said);
  }
  await bus.jobLogs.writer(ref, 1)(lines('a line'));
  expect(await messagesOf(ref)).toEqual(['1 a line']);
});

test('batches that cannot be read hide nothing behind them', async () => {
  const ref = newRef();
  const nc = connectionOf(bus);
  const junk = 'x'.repeat(100_000);
  for (let nr = 0; nr < 60; nr++) await nc.request(jobLogSubject(ref), junk);
  await bus.jobLogs.writer(ref, 1)(lines('behind'));
  expect(await bus.jobLogs.read(ref, all)).toMatchObject({
    entries: [{ entry: { message: 'behind' } }],
    hasMore: false,
  });
});

test('who follows a job is told of what is stored of it', async () => {
  const ref = newRef();
  let woken = 0;
  const stop = bus.jobLogs.onStored(ref, () => {
    woken++;
  });
  await connectionOf(bus).flush();
  await bus.jobLogs.writer(newRef(), 1)(lines('other'));
  await bus.jobLogs.writer(ref, 1)(lines('own'));
  await connectionOf(bus).flush();
  expect(woken).toBe(1);
  stop();
});

test('a tenant that is forgotten leaves nothing, and others keep theirs', async () => {
  const [gone, kept] = [newRef('gone'), newRef('kept')];
  await bus.jobLogs.writer(gone, 1)(lines('x'));
  await bus.jobLogs.writer(kept, 1)(lines('y'));
  expect(await bus.forget.purgeJobLogs('gone')).toBe(1);
  expect(await messagesOf(gone)).toEqual([]);
  expect(await messagesOf(kept)).toEqual(['1 y']);
});
