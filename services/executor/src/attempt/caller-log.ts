import type { JobLogWriter } from '@errand/bus';
import { JOB_LOG_BATCH_BYTES, type JobLogEntry } from '@errand/contracts';

/** What an attempt may tell callers, in bytes of JSON. */
export interface CallerLogLimits {
  /** In a second, on average; as much may be told at once. */
  readonly callerLogBytesPerS: number;
  readonly logAttemptBytes: number;
}

export interface CallerLog {
  line(message: string, more?: { fields?: Record<string, unknown>; cut_of_bytes?: number }): void;
  /** A line that is not to be told, since there were too many. */
  dropLine(): void;
  /** `json` is the value. */
  output(json: string): void;
  /** Resolves when everything told has been stored, or could not be, or two seconds have passed. */
  end(): Promise<void>;
}

interface Told {
  readonly entry: JobLogEntry;
  readonly bytes: number;
}

const GATHER_MS = 100;
/** Until it is told how many were dropped, if nothing else is told. */
const DROPPED_MS = 1_000;
/** Until it is tried again, after something could not be stored. */
const AGAIN_MS = 500;
const END_MS = 2_000;
const MOST_ENTRIES = 1_000;

/**
 * What an attempt tells callers, gathered for a tenth of a second and stored in its order, one batch after the other. What is
 * too much, and what cannot be stored, is dropped, and the next entry says how many were.
 */
export function createCallerLog(options: {
  readonly limits: CallerLogLimits;
  readonly store: JobLogWriter;
  readonly now: () => number;
  readonly onLost: () => void;
}): CallerLog {
  const { limits, store, now, onLost } = options;
  const { callerLogBytesPerS: perS } = limits;
  const waiting: Told[] = [];
  let isOver = false;
  let number = 0;
  let dropped = 0;
  let left = limits.logAttemptBytes;
  let room = perS;
  let roomAt = performance.now();
  let gathering: NodeJS.Timeout | undefined;
  let sending: Promise<void> | undefined;

  const droppedOf = (last: number, count: number): Told => {
    return { entry: { type: 'dropped', ...about(last), count }, bytes: 0 };
  };
  const about = (of: number) => ({ number: of, time: new Date(now()).toISOString() });

  function tell(told: object): void {
    if (isOver) return;
    number += 1;
    const entry = { ...told, ...about(number) } as JobLogEntry;
    const bytes = Buffer.byteLength(JSON.stringify(entry));
    const nowMs = performance.now();
    room = Math.min(perS, room + ((nowMs - roomAt) / 1_000) * perS);
    roomAt = nowMs;
    if (bytes > room || bytes > left) {
      drop();
      return;
    }
    room -= bytes;
    left -= bytes;
    tellDropped(number - 1);
    waiting.push({ entry, bytes });
    if (!sending) gathering ??= setTimeout(send, GATHER_MS);
  }

  function drop(): void {
    dropped += 1;
    if (!sending && !isOver) gathering ??= setTimeout(send, DROPPED_MS);
  }

  function tellDropped(last: number): void {
    if (dropped === 0) return;
    waiting.push(droppedOf(last, dropped));
    dropped = 0;
  }

  function send(): void {
    gathering = undefined;
    tellDropped(number);
    sending = storeWaiting().then((isStored) => {
      sending = undefined;
      if (waiting.length > 0 && !isOver) gathering = setTimeout(send, isStored ? GATHER_MS : AGAIN_MS);
    });
  }

  /** Whether what waits at this moment could be stored. */
  async function storeWaiting(): Promise<boolean> {
    for (let rest = waiting.length; rest > 0; ) {
      const entries = firstBatch(waiting);
      const isStored = await store(entries);
      const last = entries.at(-1)?.number ?? 0;
      const lost = entries.reduce((sum, entry) => sum + (entry.type === 'dropped' ? entry.count : 1), 0);
      waiting.splice(0, entries.length, ...(isStored ? [] : [droppedOf(last, lost)]));
      if (!isStored) {
        onLost();
        return false;
      }
      rest -= entries.length;
    }
    return true;
  }

  return {
    line: (message, more = {}) => tell({ type: 'log', message, ...more }),
    dropLine() {
      number += 1;
      drop();
    },
    output: (json) => tell({ type: 'output', value: JSON.parse(json) }),
    async end() {
      isOver = true;
      clearTimeout(gathering);
      if (!sending && waiting.length === 0 && dropped === 0) return;
      const stored = (async () => {
        await sending;
        tellDropped(number);
        if (waiting.length > 0) send();
        await sending;
      })();
      const over = AbortSignal.timeout(END_MS);
      await Promise.race([stored, new Promise((resolve) => over.addEventListener('abort', resolve))]);
    },
  };
}

/** As many as a batch takes, and one at least. */
function firstBatch(told: readonly Told[]): JobLogEntry[] {
  let bytes = 0;
  const end = told.findIndex((each, index) => {
    bytes += each.bytes;
    return index === MOST_ENTRIES || (index > 0 && bytes > JOB_LOG_BATCH_BYTES);
  });
  return told.slice(0, end < 0 ? undefined : end).map(({ entry }) => entry);
}
