import { type Breaker, lifted } from './breaker.ts';
import {
  abandonAttempt,
  beginAttempt,
  createQueueState,
  type Ended,
  endAttempt,
  isSlow,
  type QueueLimits,
  roomAtMs,
  roomOf,
} from './endpoint-queue.ts';
import {
  clear,
  type EndpointQueue,
  type Page,
  type QueueKey,
  type Read,
  type Row,
  readFor,
  takeIn,
} from './queue-pages.ts';
import { createQueueRing, type QueueRing } from './queue-ring.ts';
import { createSlots, type Slots } from './slots.ts';

/*
 * Which queue sends next. It does nothing by itself: it is told what was found, read and ended, and says what to read
 * and send. Queues with work and room stand in a ring; each turn earns a queue 4 sends (deficit round-robin), so a queue
 * with a million rows gets no more turns than one with a few.
 *
 *   a queue that                      waits for
 *   has no rows in memory            a page of them, see queue-pages.ts
 *   has an open breaker, no tokens   its time; its rows are not read meanwhile
 *   is at a share of the slots       the end of any attempt that holds one of that share
 *   has nothing due                  `found`, or the time of a retry that it has made itself
 *
 * An attempt that is answered makes room in its queue; its slot is taken until its result is stored, so no more results
 * wait for Postgres than there are slots.
 */

const QUANTUM = 4;
/** Queues that have been idle for this long are forgotten, with what they have learnt. */
const IDLE_MS = 300_000;

export interface Send<D extends Row> {
  readonly queue: EndpointQueue<D>;
  readonly delivery: D;
  readonly probe: boolean;
}

interface PacerSources<D extends Row> {
  /** What holds for an endpoint now, given what would be sent next; undefined if nothing may be sent to it. */
  readonly limitsOf: (key: QueueKey, next: D | undefined) => (QueueLimits & { origin: string }) | undefined;
  /** The breaker that a queue begins with: what was stored of it. */
  readonly breakerOf: (key: QueueKey) => Breaker;
}

interface PacerOptions<D extends Row> extends PacerSources<D> {
  readonly slots: number;
}

/** Whose turn it is, decided. See the head of this file. */
export interface Pacer<D extends Row> {
  /** Slots that are taken. */
  readonly inUse: number;
  queues(): IterableIterator<EndpointQueue<D>>;
  /** An endpoint has a delivery that is due at `dueMs`; `fresh` if it has just come in. */
  found(key: QueueKey, due: { dueMs: number; fresh: boolean }, nowMs: number): void;
  /**
   * What kept a queue from sending is over: it may probe at once, or begins `anew` with what `breakerOf` says of it, as
   * another receiver does. Attempts under way then tell nobody of how they end.
   */
  renew(key: QueueKey, how: 'anew' | 'lifted', nowMs: number): void;
  /** What to send and what to read now. Each must be followed by its end. */
  next(nowMs: number): { sends: Send<D>[]; reads: Read<D>[] };
  readDone(read: Read<D>, page: Page<D>, nowMs: number): void;
  /** The rows could not be read; they will be found again. */
  readFailed(read: Read<D>): void;
  /** An attempt is over. */
  answered(send: Send<D>, result: Omit<Ended, 'eventId'>): void;
  /** Its result is stored. `dueMs` is when it is to be repeated, null for never. */
  stored(send: Send<D>, dueMs: number | null): void;
  /** An attempt was cut off, or its result could not be stored. */
  abandoned(send: Send<D>): void;
  /** Begins nothing more for these shards; what is under way goes on. */
  forgetShards(shards: ReadonlySet<number>): void;
  /** Looks for queues whose attempts have become slow, and forgets the idle ones. */
  tick(nowMs: number): void;
  /** When `next` may have something to do although nothing happens; infinite for never. */
  wakeAtMs(): number;
}

interface Work<D extends Row> extends PacerSources<D> {
  readonly queues: Map<string, EndpointQueue<D>>;
  readonly pool: Slots;
  readonly ring: QueueRing<EndpointQueue<D>>;
}

export function createPacer<D extends Row>(options: PacerOptions<D>): Pacer<D> {
  const { limitsOf, breakerOf } = options;
  const queues = new Map<string, EndpointQueue<D>>();
  const ring = createQueueRing<EndpointQueue<D>>();
  const work: Work<D> = { limitsOf, breakerOf, queues, ring, pool: createSlots(options.slots) };
  const { pool } = work;
  const freed = (queue: EndpointQueue<D>) => {
    for (const scarcity of pool.release(queue)) ring.wakeParked(scarcity);
    if (isKnown(work, queue)) ring.enter(queue);
  };
  const forget = (queue: EndpointQueue<D>) => {
    clear(queue);
    ring.forget(queue);
    queues.delete(queue.endpointId);
  };
  return {
    get inUse() {
      return pool.inUse;
    },
    queues: () => queues.values(),
    wakeAtMs: () => ring.earliestMs(),
    found(key, { dueMs, fresh }, nowMs) {
      const queue = queueOf(work, key, nowMs);
      if (dueMs > nowMs) {
        queue.dueAtMs = Math.min(queue.dueAtMs, dueMs);
        ring.wakeAt(queue, dueMs);
        return;
      }
      queue.hasMore = true;
      queue.foundWhileReading = true;
      if (fresh) queue.freshFound = true;
      ring.enter(queue);
    },
    renew(key, how, nowMs) {
      const known = queues.get(key.endpointId);
      if (known && how === 'anew') forget(known);
      const queue = queueOf(work, key, nowMs);
      queue.state.breaker = lifted(queue.state.breaker);
      queue.hasMore = true;
      queue.foundWhileReading = true;
      ring.enter(queue);
    },
    next(nowMs) {
      ring.wakeTimed(nowMs);
      const out = { sends: [] as Send<D>[], reads: [] as Read<D>[] };
      while (pool.hasRoom('all')) {
        const queue = ring.take();
        if (!queue) break;
        visit(work, queue, { nowMs, out });
        passOnUnused(work, queue);
      }
      return out;
    },
    readDone(read, page, nowMs) {
      takeIn(read, page, nowMs);
      if (isKnown(work, read.queue)) ring.enter(read.queue);
    },
    readFailed({ queue }) {
      queue.reading = false;
      queue.hasMore = false;
    },
    answered({ queue, delivery }, result) {
      const limits = limitsOf(queue, undefined) ?? { maxConcurrency: 1, maxRps: null };
      endAttempt(queue.state, limits, { ...result, eventId: delivery.event_id });
      queue.storing.add(delivery.event_id);
      classify(work, queue, result.nowMs);
      if (isKnown(work, queue)) ring.enter(queue);
    },
    stored({ queue, delivery }, dueMs) {
      queue.storing.delete(delivery.event_id);
      if (dueMs !== null) queue.dueAtMs = Math.min(queue.dueAtMs, dueMs);
      freed(queue);
    },
    abandoned({ queue, delivery }) {
      abandonAttempt(queue.state, delivery.event_id);
      queue.storing.delete(delivery.event_id);
      freed(queue);
    },
    forgetShards(shards) {
      for (const queue of [...queues.values()]) if (shards.has(queue.shard)) forget(queue);
    },
    tick(nowMs) {
      for (const queue of [...queues.values()]) {
        classify(work, queue, nowMs);
        if (isIdle(queue) && nowMs - queue.usedAtMs > IDLE_MS) forget(queue);
      }
    },
  };
}

function isKnown<D extends Row>({ queues }: Work<D>, queue: EndpointQueue<D>): boolean {
  return queues.get(queue.endpointId) === queue;
}

function isIdle<D extends Row>(queue: EndpointQueue<D>): boolean {
  const { underWay, breaker } = queue.state;
  const busy =
    underWay.size > 0 || queue.storing.size > 0 || queue.hasMore || queue.page.length > 0 || queue.reading;
  return !busy && breaker.kind === 'closed';
}

function queueOf<D extends Row>(work: Work<D>, key: QueueKey, nowMs: number): EndpointQueue<D> {
  const known = work.queues.get(key.endpointId);
  if (known) return known;
  const { endpointId, tenantId, shard } = key;
  const queue: EndpointQueue<D> = {
    endpointId,
    tenantId,
    shard,
    state: createQueueState(nowMs, work.breakerOf(key)),
    page: [],
    storing: new Set(),
    hasMore: false,
    behind: false,
    freshFound: false,
    newestSeen: null,
    newestRead: '',
    dueAtMs: Number.POSITIVE_INFINITY,
    reading: false,
    foundWhileReading: false,
    cursor: null,
    cursorAtMs: 0,
    deficit: 0,
    slow: false,
    origin: '',
    usedAtMs: nowMs,
  };
  work.queues.set(endpointId, queue);
  return queue;
}

function classify<D extends Row>({ pool, ring }: Work<D>, queue: EndpointQueue<D>, nowMs: number): void {
  const slow = isSlow(queue.state, nowMs);
  if (slow === queue.slow) return;
  pool.reclassify(queue.state.underWay.size + queue.storing.size, slow);
  queue.slow = slow;
  if (!slow && pool.hasRoom('slow')) ring.wakeParked('slow');
}

/** One turn of one queue. */
function visit<D extends Row>(
  work: Work<D>,
  queue: EndpointQueue<D>,
  { nowMs, out }: { nowMs: number; out: { sends: Send<D>[]; reads: Read<D>[] } },
): void {
  const limits = work.limitsOf(queue, queue.page[0]);
  if (!limits) {
    clear(queue);
    return;
  }
  // Slots are given back to the origin that they were taken from.
  if (queue.state.underWay.size + queue.storing.size === 0) queue.origin = limits.origin;
  queue.usedAtMs = nowMs;
  if (queue.dueAtMs <= nowMs) {
    queue.dueAtMs = Number.POSITIVE_INFINITY;
    queue.hasMore = true;
  }
  classify(work, queue, nowMs);
  queue.deficit += QUANTUM;
  while (queue.deficit > 0 && queue.page.length > 0 && roomOf(queue.state, limits, nowMs) > 0) {
    const scarcity = work.pool.scarcityFor(queue);
    if (scarcity) {
      if (scarcity === 'all') work.ring.enter(queue);
      else work.ring.park(queue, scarcity);
      return;
    }
    const delivery = queue.page.shift() as D;
    const { probe } = beginAttempt(queue.state, limits, { eventId: delivery.event_id, nowMs });
    work.pool.take(queue);
    out.sends.push({ queue, delivery, probe });
    queue.deficit--;
  }
  const room = roomOf(queue.state, limits, nowMs);
  const read = readFor(queue, limits, { room, nowMs });
  if (read) out.reads.push(read);
  if (queue.page.length === 0) queue.deficit = 0;
  else if (room > 0) work.ring.enter(queue);
  if (room === 0 && (queue.page.length > 0 || queue.hasMore)) {
    work.ring.wakeAt(queue, roomAtMs(queue.state, limits, nowMs));
  }
  work.ring.wakeAt(queue, queue.dueAtMs);
}

/** A queue may have been woken for a share that it did not use up: the next one that waits for it is woken too. */
function passOnUnused<D extends Row>({ pool, ring }: Work<D>, queue: EndpointQueue<D>): void {
  for (const scarcity of [`tenant ${queue.tenantId}`, `origin ${queue.origin}`, 'slow'] as const) {
    if (ring.parkedFor(queue) !== scarcity && pool.hasRoom(scarcity)) ring.wakeParked(scarcity);
  }
}
