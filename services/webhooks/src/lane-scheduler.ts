import { type Breaker, lifted } from './breaker.ts';
import {
  abandonAttempt,
  beginAttempt,
  createLaneState,
  type Ended,
  endAttempt,
  isSlow,
  type LaneLimits,
  roomAtMs,
  roomOf,
} from './lane.ts';
import {
  clear,
  type Lane,
  type LaneKey,
  type Page,
  type Read,
  type Row,
  readFor,
  takeIn,
} from './lane-pages.ts';
import { createSlots, type Slots } from './slots.ts';
import { createTurns, type Turns } from './turns.ts';

/*
 * Which lane sends next. It does nothing by itself: it is told what was found, read and ended, and says what to read
 * and send. Lanes with work and room stand in a ring; each turn earns a lane 4 sends (deficit round-robin), so a lane
 * with a million rows gets no more turns than one with a few.
 *
 *   a lane that                      waits for
 *   has no rows in memory            a page of them, see lane-pages.ts
 *   has an open breaker, no tokens   its time; its rows are not read meanwhile
 *   is at a share of the slots       the end of any attempt that holds one of that share
 *   has nothing due                  `found`, or the time of a retry that it has made itself
 *
 * An attempt that is answered makes room in its lane; its slot is taken until its result is stored, so no more results
 * wait for Postgres than there are slots.
 */

const QUANTUM = 4;
/** Lanes that have been idle for this long are forgotten, with what they have learnt. */
const IDLE_MS = 300_000;

export interface Send<D extends Row> {
  readonly lane: Lane<D>;
  readonly delivery: D;
  readonly probe: boolean;
}

interface SchedulerSources<D extends Row> {
  /** What holds for an endpoint now, given what would be sent next; undefined if nothing may be sent to it. */
  readonly limitsOf: (key: LaneKey, next: D | undefined) => (LaneLimits & { origin: string }) | undefined;
  /** The breaker that a lane begins with: what was stored of it. */
  readonly breakerOf: (key: LaneKey) => Breaker;
}

interface SchedulerOptions<D extends Row> extends SchedulerSources<D> {
  readonly slots: number;
}

/** Whose turn it is, decided. See the head of this file. */
export interface LaneScheduler<D extends Row> {
  /** Slots that are taken. */
  readonly inUse: number;
  lanes(): IterableIterator<Lane<D>>;
  /** An endpoint has a delivery that is due at `dueMs`; `fresh` if it has just come in. */
  found(key: LaneKey, due: { dueMs: number; fresh: boolean }, nowMs: number): void;
  /**
   * What kept a lane from sending is over: it may probe at once, or begins `anew` with what `breakerOf` says of it, as
   * another receiver does. Attempts under way then tell nobody of how they end.
   */
  renew(key: LaneKey, how: 'anew' | 'lifted', nowMs: number): void;
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
  /** Looks for lanes whose attempts have become slow, and forgets the idle ones. */
  tick(nowMs: number): void;
  /** When `next` may have something to do although nothing happens; infinite for never. */
  wakeAtMs(): number;
}

interface Work<D extends Row> extends SchedulerSources<D> {
  readonly lanes: Map<string, Lane<D>>;
  readonly pool: Slots;
  readonly turns: Turns<Lane<D>>;
}

export function createLaneScheduler<D extends Row>(options: SchedulerOptions<D>): LaneScheduler<D> {
  const { limitsOf, breakerOf } = options;
  const lanes = new Map<string, Lane<D>>();
  const turns = createTurns<Lane<D>>();
  const work: Work<D> = { limitsOf, breakerOf, lanes, turns, pool: createSlots(options.slots) };
  const { pool } = work;
  const freed = (lane: Lane<D>) => {
    for (const scarcity of pool.release(lane)) turns.wakeParked(scarcity);
    if (isKnown(work, lane)) turns.enter(lane);
  };
  const forget = (lane: Lane<D>) => {
    clear(lane);
    turns.forget(lane);
    lanes.delete(lane.endpointId);
  };
  return {
    get inUse() {
      return pool.inUse;
    },
    lanes: () => lanes.values(),
    wakeAtMs: () => turns.earliestMs(),
    found(key, { dueMs, fresh }, nowMs) {
      const lane = laneOf(work, key, nowMs);
      if (dueMs > nowMs) {
        lane.dueAtMs = Math.min(lane.dueAtMs, dueMs);
        turns.wakeAt(lane, dueMs);
        return;
      }
      lane.hasMore = true;
      lane.foundWhileReading = true;
      if (fresh) lane.freshFound = true;
      turns.enter(lane);
    },
    renew(key, how, nowMs) {
      const known = lanes.get(key.endpointId);
      if (known && how === 'anew') forget(known);
      const lane = laneOf(work, key, nowMs);
      lane.state.breaker = lifted(lane.state.breaker);
      lane.hasMore = true;
      lane.foundWhileReading = true;
      turns.enter(lane);
    },
    next(nowMs) {
      turns.wakeTimed(nowMs);
      const out = { sends: [] as Send<D>[], reads: [] as Read<D>[] };
      while (pool.hasRoom('all')) {
        const lane = turns.take();
        if (!lane) break;
        visit(work, lane, { nowMs, out });
        passOnUnused(work, lane);
      }
      return out;
    },
    readDone(read, page, nowMs) {
      takeIn(read, page, nowMs);
      if (isKnown(work, read.lane)) turns.enter(read.lane);
    },
    readFailed({ lane }) {
      lane.reading = false;
      lane.hasMore = false;
    },
    answered({ lane, delivery }, result) {
      const limits = limitsOf(lane, undefined) ?? { maxConcurrency: 1, maxRps: null };
      endAttempt(lane.state, limits, { ...result, eventId: delivery.event_id });
      lane.storing.add(delivery.event_id);
      classify(work, lane, result.nowMs);
      if (isKnown(work, lane)) turns.enter(lane);
    },
    stored({ lane, delivery }, dueMs) {
      lane.storing.delete(delivery.event_id);
      if (dueMs !== null) lane.dueAtMs = Math.min(lane.dueAtMs, dueMs);
      freed(lane);
    },
    abandoned({ lane, delivery }) {
      abandonAttempt(lane.state, delivery.event_id);
      lane.storing.delete(delivery.event_id);
      freed(lane);
    },
    forgetShards(shards) {
      for (const lane of [...lanes.values()]) if (shards.has(lane.shard)) forget(lane);
    },
    tick(nowMs) {
      for (const lane of [...lanes.values()]) {
        classify(work, lane, nowMs);
        if (isIdle(lane) && nowMs - lane.usedAtMs > IDLE_MS) forget(lane);
      }
    },
  };
}

function isKnown<D extends Row>({ lanes }: Work<D>, lane: Lane<D>): boolean {
  return lanes.get(lane.endpointId) === lane;
}

function isIdle<D extends Row>(lane: Lane<D>): boolean {
  const { underWay, breaker } = lane.state;
  const busy =
    underWay.size > 0 || lane.storing.size > 0 || lane.hasMore || lane.page.length > 0 || lane.reading;
  return !busy && breaker.kind === 'closed';
}

function laneOf<D extends Row>(work: Work<D>, key: LaneKey, nowMs: number): Lane<D> {
  const known = work.lanes.get(key.endpointId);
  if (known) return known;
  const { endpointId, tenantId, shard } = key;
  const lane: Lane<D> = {
    endpointId,
    tenantId,
    shard,
    state: createLaneState(nowMs, work.breakerOf(key)),
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
  work.lanes.set(endpointId, lane);
  return lane;
}

function classify<D extends Row>({ pool, turns }: Work<D>, lane: Lane<D>, nowMs: number): void {
  const slow = isSlow(lane.state, nowMs);
  if (slow === lane.slow) return;
  pool.reclassify(lane.state.underWay.size + lane.storing.size, slow);
  lane.slow = slow;
  if (!slow && pool.hasRoom('slow')) turns.wakeParked('slow');
}

/** One turn of one lane. */
function visit<D extends Row>(
  work: Work<D>,
  lane: Lane<D>,
  { nowMs, out }: { nowMs: number; out: { sends: Send<D>[]; reads: Read<D>[] } },
): void {
  const limits = work.limitsOf(lane, lane.page[0]);
  if (!limits) {
    clear(lane);
    return;
  }
  // Slots are given back to the origin that they were taken from.
  if (lane.state.underWay.size + lane.storing.size === 0) lane.origin = limits.origin;
  lane.usedAtMs = nowMs;
  if (lane.dueAtMs <= nowMs) {
    lane.dueAtMs = Number.POSITIVE_INFINITY;
    lane.hasMore = true;
  }
  classify(work, lane, nowMs);
  lane.deficit += QUANTUM;
  while (lane.deficit > 0 && lane.page.length > 0 && roomOf(lane.state, limits, nowMs) > 0) {
    const scarcity = work.pool.scarcityFor(lane);
    if (scarcity) {
      if (scarcity === 'all') work.turns.enter(lane);
      else work.turns.park(lane, scarcity);
      return;
    }
    const delivery = lane.page.shift() as D;
    const { probe } = beginAttempt(lane.state, limits, { eventId: delivery.event_id, nowMs });
    work.pool.take(lane);
    out.sends.push({ lane, delivery, probe });
    lane.deficit--;
  }
  const room = roomOf(lane.state, limits, nowMs);
  const read = readFor(lane, limits, { room, nowMs });
  if (read) out.reads.push(read);
  if (lane.page.length === 0) lane.deficit = 0;
  else if (room > 0) work.turns.enter(lane);
  if (room === 0 && (lane.page.length > 0 || lane.hasMore)) {
    work.turns.wakeAt(lane, roomAtMs(lane.state, limits, nowMs));
  }
  work.turns.wakeAt(lane, lane.dueAtMs);
}

/** A lane may have been woken for a share that it did not use up: the next one that waits for it is woken too. */
function passOnUnused<D extends Row>({ pool, turns }: Work<D>, lane: Lane<D>): void {
  for (const scarcity of [`tenant ${lane.tenantId}`, `origin ${lane.origin}`, 'slow'] as const) {
    if (turns.parkedFor(lane) !== scarcity && pool.hasRoom(scarcity)) turns.wakeParked(scarcity);
  }
}
