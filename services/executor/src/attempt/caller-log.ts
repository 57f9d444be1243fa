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
      dropped += 1;
      return;
    }
    room -= bytes;
    left -= bytes;
    tellDropped(number - 1);
    waiting.push({ entry, bytes });
    if (!sending) gathering ??= setTimeout(send, GATHER_MS);
  }

  function tellDropped(last: number): void {
    if (dropped === 0) return;
    waiting.push({ entry: { type: 'dropped', ...about(last), count: dropped }, bytes: 0 });
    dropped = 0;
  }

  function send(): void {
    gathering = undefined;
    sending = storeAll(waiting.splice(0)).finally(() => {
      sending = undefined;
      if (waiting.length > 0 && !isOver) gathering = setTimeout(send, GATHER_MS);
    });
  }

  async function storeAll(told: Told[]): Promise<void> {
    for (let begin = 0; begin < told.length; ) {
      const entries = batchFrom(told, begin);
      begin += entries.length;
      if (await store(entries)) continue;
      dropped += entries.reduce((sum, entry) => sum + (entry.type === 'dropped' ? entry.count : 1), 0);
      onLost();
    }
  }

  return {
    line: (message, more = {}) => tell({ type: 'log', message, ...more }),
    dropLine() {
      number += 1;
      dropped += 1;
    },
    output: (json) => tell({ type: 'output', value: JSON.parse(json) }),
    async end() {
      isOver = true;
      clearTimeout(gathering);
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
function batchFrom(told: readonly Told[], begin: number): JobLogEntry[] {
  let bytes = 0;
  let end = begin;
  for (; end < told.length && end - begin < MOST_ENTRIES; end++) {
    bytes += told[end]?.bytes ?? 0;
    if (bytes > JOB_LOG_BATCH_BYTES && end > begin) break;
  }
  return told.slice(begin, end).map(({ entry }) => entry);
}
