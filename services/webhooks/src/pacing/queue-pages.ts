import type { QueueLimits, QueueState } from './endpoint-queue.ts';

/*
 * The rows that a queue has in memory, and what it reads next: at most twice what it may have under way.
 *
 *   the breaker       the last read        the next one
 *   closed            saw all that is due  the rows that have been due longest
 *                     did not              the same; after something was found, a quarter of those and three quarters
 *                                          of the newest, until they reach what was there before: what has just
 *                                          happened does not wait for a backlog, which still gets shorter
 *   open              -                    one row, once the probe's time has come
 *
 * Reads of the oldest rows go on behind one another; every 10 s one begins at the oldest again, for what has come in
 * before, and looks at the newest ones, for what nobody told of.
 */

const MAX_PAGE = 64;
const FRESH_SHARE = 0.75;
/** How long a read may begin behind the last row of the one before, rather than at the oldest row. */
const CURSOR_LIFE_MS = 10_000;

export interface QueueKey {
  readonly endpointId: string;
  readonly tenantId: string;
  readonly shard: number;
}

/** A delivery as far as the pacer knows it. */
export interface Row {
  readonly event_id: string;
  /** As text that sorts like the column, for the next read to begin behind. */
  readonly due_at_text: string;
}

export interface Cursor {
  readonly eventId: string;
  readonly dueAtText: string;
}

export interface EndpointQueue<D extends Row> extends QueueKey {
  readonly state: QueueState;
  page: D[];
  /** Ids of events whose attempt is over and its result not stored yet. */
  readonly storing: Set<string>;
  /** There may be due rows that are not in the page. */
  hasMore: boolean;
  /** The last read did not reach the newest rows. */
  behind: boolean;
  /** While it is behind: there may be rows newer than `newestSeen`. */
  freshFound: boolean;
  /** The newest row that is known to be part of the backlog, by its `due_at_text`; null before one was read. */
  newestSeen: string | null;
  /** The newest row that was read. */
  newestRead: string;
  /** When the next retry that this queue knows of is due; infinite for none. */
  dueAtMs: number;
  reading: boolean;
  foundWhileReading: boolean;
  cursor: Cursor | null;
  cursorAtMs: number;
  deficit: number;
  slow: boolean;
  origin: string;
  usedAtMs: number;
}

export interface Read<D extends Row> {
  readonly queue: EndpointQueue<D>;
  /** Most of the oldest rows. */
  readonly limit: number;
  readonly after: Cursor | null;
  /** Most of the newest rows. */
  readonly fresh: number;
  /** Rows that the read may still see as they were before. */
  readonly passOver: ReadonlySet<string>;
}

/** What a read found; a row may be in both. */
export interface Page<D extends Row> {
  /** The longest due first. */
  readonly oldest: readonly D[];
  /** The newest first. */
  readonly newest: readonly D[];
}

/** The read that a queue needs next, if any. */
export function readFor<D extends Row>(
  queue: EndpointQueue<D>,
  limits: QueueLimits,
  { room, nowMs }: { room: number; nowMs: number },
): Read<D> | undefined {
  const open = queue.state.breaker.kind === 'open';
  if (open && room === 0 && queue.page.length > 0) {
    clear(queue);
    queue.hasMore = true;
  }
  if (!queue.hasMore || queue.reading || (open && (room === 0 || queue.page.length > 0))) return undefined;
  const want = open ? 1 : Math.min(MAX_PAGE, 2 * Math.min(queue.state.concurrency, limits.maxConcurrency));
  if (queue.page.length * 2 >= want) return undefined;
  const inPage = queue.page.map((row) => row.event_id);
  const passOver = new Set([...queue.state.underWay.keys(), ...queue.storing, ...inPage]);
  if (open || nowMs - queue.cursorAtMs > CURSOR_LIFE_MS) {
    queue.cursor = null;
    queue.freshFound = true;
  }
  queue.reading = true;
  queue.foundWhileReading = false;
  const fresh = queue.behind && queue.freshFound && !open ? Math.floor(want * FRESH_SHARE) : 0;
  // The rows to pass over may be the first that are found, at either end.
  return {
    queue,
    limit: want - fresh + (queue.cursor ? 0 : passOver.size),
    after: queue.cursor,
    fresh: fresh > 0 ? fresh + passOver.size : 0,
    passOver,
  };
}

export function takeIn<D extends Row>(
  { queue, passOver, after, limit, fresh }: Read<D>,
  { oldest, newest }: Page<D>,
  nowMs: number,
): void {
  queue.reading = false;
  if (fresh > 0) noteNewest(queue, newest, fresh);
  const taken = new Set(passOver);
  for (const row of [...newest, ...oldest]) {
    if (taken.has(row.event_id)) continue;
    taken.add(row.event_id);
    queue.page.push(row);
  }
  const last = oldest.at(-1);
  const full = oldest.length >= limit && last !== undefined;
  if (full !== queue.behind) {
    queue.freshFound = full;
    queue.newestSeen = null;
  }
  queue.behind = full;
  queue.cursor = full ? { eventId: last.event_id, dueAtText: last.due_at_text } : null;
  if (full && !after) queue.cursorAtMs = nowMs;
  // A read that began behind other rows has not seen what came in before them.
  queue.hasMore = full || queue.foundWhileReading || after !== null;
}

/** Once the newest rows reach what was there before, all that are newer have been read. */
function noteNewest<D extends Row>(queue: EndpointQueue<D>, newest: readonly D[], most: number): void {
  const seen = queue.newestSeen;
  for (const { due_at_text } of newest) if (due_at_text > queue.newestRead) queue.newestRead = due_at_text;
  if (seen !== null && newest.length >= most && newest.every((row) => row.due_at_text > seen)) return;
  queue.newestSeen = queue.newestRead;
  queue.freshFound = queue.foundWhileReading;
}

/** Drops what is in memory; the rows are still in the table. */
export function clear<D extends Row>(queue: EndpointQueue<D>): void {
  queue.page = [];
  queue.hasMore = false;
  queue.cursor = null;
}
