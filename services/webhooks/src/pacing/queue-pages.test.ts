import { expect, test } from 'vitest';
import { createQueueState } from './endpoint-queue.ts';
import { type EndpointQueue, type Row, readFor, takeIn } from './queue-pages.ts';

const LIMITS = { maxConcurrency: 16, maxRps: null };

function queueWithWork(): EndpointQueue<Row> {
  return {
    endpointId: 'e',
    tenantId: 't',
    shard: 0,
    state: createQueueState(0),
    page: [],
    hasMore: true,
    storing: new Set(),
    behind: false,
    dueAtMs: 0,
    reading: false,
    foundWhileReading: false,
    cursor: null,
    cursorAtMs: 0,
    freshFound: false,
    newestSeen: null,
    newestRead: '',
    deficit: 0,
    slow: false,
    origin: '',
    usedAtMs: 0,
  };
}

const rows = (...names: string[]) => names.map((name) => ({ event_id: name, due_at_text: name }));
const numbered = (from: number, count: number) =>
  rows(...Array.from({ length: count }, (_, index) => `${from + index}`));

function read(queue: EndpointQueue<Row>, nowMs = 1) {
  const wanted = readFor(queue, LIMITS, { room: 4, nowMs });
  if (!wanted) throw new Error('nothing is wanted');
  return wanted;
}

/** A queue whose first read did not see all. */
function queueBehind() {
  const queue = queueWithWork();
  const first = read(queue);
  expect(first).toMatchObject({ limit: 8, fresh: 0, after: null });
  takeIn(first, { oldest: numbered(0, 8), newest: [] }, 1);
  queue.page = [];
  return queue;
}

test('behind a backlog, three of four rows are the newest ones and come first, and one is of the oldest', () => {
  const queue = queueBehind();
  const second = read(queue);
  expect(second).toMatchObject({ limit: 2, fresh: 6, after: { eventId: '7' } });
  takeIn(second, { oldest: numbered(8, 2), newest: rows('z', 'y', 'x', 'w', 'v', 'u') }, 1);
  expect(queue.page.map(({ event_id }) => event_id)).toEqual(['z', 'y', 'x', 'w', 'v', 'u', '8', '9']);
  expect(queue.hasMore).toBe(true);
});

test('the newest rows are read after something was found, until they reach what was there before', () => {
  const queue = queueBehind();
  const give = (newest: string[]) => {
    queue.page = [];
    const wanted = read(queue);
    takeIn(wanted, { oldest: numbered(8, wanted.limit), newest: rows(...newest) }, 1);
    return wanted.fresh;
  };
  expect(give(['m', 'l', 'k', 'j', 'i', 'h'])).toBe(6);
  expect(give([])).toBe(0);
  queue.freshFound = true;
  expect(give(['z', 'y', 'x', 'w', 'v', 'u'])).toBe(6);
  expect(give(['t', 's', 'r', 'q', 'p', 'o'])).toBe(6);
  expect(give(['n', 'm', 'g', 'f', 'e', 'd'])).toBe(6);
  expect(give([])).toBe(0);
  queue.freshFound = true;
  expect(give(['z', 'c', 'b', 'a', '9', '8'])).toBe(6);
  expect(give([])).toBe(0);
});

test('what is found while the newest rows are read lets them be read once more', () => {
  const queue = queueBehind();
  const second = read(queue);
  queue.freshFound = true;
  queue.foundWhileReading = true;
  takeIn(second, { oldest: numbered(8, 2), newest: rows('m', 'l', 'k', 'j', 'i', 'h') }, 1);
  queue.page = [];
  expect(read(queue).fresh).toBe(6);
});

test('every ten seconds the newest rows are looked at, whether or not anything was found', () => {
  const queue = queueBehind();
  takeIn(read(queue), { oldest: numbered(8, 2), newest: rows('m', 'l', 'k', 'j', 'i', 'h') }, 1);
  queue.page = [];
  expect(read(queue, 10_002)).toMatchObject({ fresh: 6, limit: 2, after: null });
});

test('where the newest rows meet the oldest, each is taken once', () => {
  const queue = queueBehind();
  takeIn(read(queue), { oldest: rows('8', '9'), newest: rows('9', '8') }, 1);
  expect(queue.page.map(({ event_id }) => event_id)).toEqual(['9', '8']);
});

test('rows under way are passed over at both ends, and leave no room unused', () => {
  const queue = queueBehind();
  queue.state.underWay.set('z', { startedMs: 1, probe: false });
  const second = read(queue, 11_000);
  expect(second).toMatchObject({ limit: 3, fresh: 7, after: null });
  takeIn(second, { oldest: rows('0', '1', 'z'), newest: rows('z', 'y') }, 11_000);
  expect(queue.page.map(({ event_id }) => event_id)).toEqual(['y', '0', '1']);
});

test('a queue that has caught up reads the oldest only, and reads again before it takes all for seen', () => {
  const queue = queueBehind();
  takeIn(read(queue), { oldest: rows('8'), newest: rows('8') }, 1);
  expect(queue.hasMore).toBe(true);
  queue.page = [];
  const last = read(queue);
  expect(last).toMatchObject({ limit: 8, fresh: 0, after: null });
  takeIn(last, { oldest: [], newest: [] }, 1);
  expect(queue.hasMore).toBe(false);
});

test('under an open breaker one row is read', () => {
  const queue = queueBehind();
  queue.state.breaker = { kind: 'open', step: 0, nextProbeMs: 0 };
  expect(read(queue)).toMatchObject({ limit: 1, fresh: 0, after: null });
});
