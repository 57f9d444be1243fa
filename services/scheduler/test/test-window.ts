import type { Bucket, Bus, Step } from '@errand/bus';
import { memoryPosition } from '@errand/bus/testing';
import { BUCKETS, isHeldSubject, LogPosition, type LogReaderSpec, parseJobSubject } from '@errand/contracts';
import { expect } from 'vitest';
import { createOpenJobs } from '../src/jobs/open-jobs.ts';
import { createWindowKeeper, type WindowKeeper, type WindowState } from '../src/window/keep-window.ts';
import { createNeededEvents } from '../src/window/needed-events.ts';

/* Test-only: what of a scheduler keeps the log's window, and readers that settle all that comes. */

export const HOUR_MS = 3_600_000;
/** For how long a test log keeps what nobody needs. */
export const SLACK_MS = 300;

export interface TestWindow extends AsyncDisposable {
  readonly positions: Bucket<LogPosition>;
  /** Settles all that a reader is to read, from now on. */
  read(reader: LogReaderSpec): void;
  /** What a scheduler does with the log, and knows of it, but for ending waits. */
  startKeeper(): Promise<WindowKeeper & AsyncDisposable>;
}

export async function openTestWindow(bus: Bus): Promise<TestWindow> {
  const positions = await bus.buckets.open(BUCKETS.positions, LogPosition);
  const stop = new AbortController();
  const readers: Promise<void>[] = [];
  return {
    positions,
    read(reader) {
      const position = memoryPosition();
      const options = { reader, position, fillsAnew: true, maxBatch: 100, lingerMs: 0, signal: stop.signal };
      const take = async (_: unknown, step: Step | undefined) => position.move(step);
      const ignored = { sinceMs: () => 0, onUnreadable() {}, onError() {} };
      readers.push(bus.jobs.readInOrder({ ...options, ...ignored, take }));
    },
    async startKeeper() {
      const needed = createNeededEvents();
      const open = createOpenJobs();
      const ended = new AbortController();
      const caughtUp = Promise.withResolvers<void>();
      const following = bus.jobs.follow({
        onEvent({ subject, version, storedMs, bytes, decode }) {
          const { ref, type } = parseJobSubject(subject) ?? {};
          if (ref) needed.take(ref.jobId, type, { version, storedMs, bytes });
          const decoded = decode();
          if (decoded.kind === 'event')
            open.take(decoded.recorded, { storedMs, isHeld: isHeldSubject(subject) });
        },
        onCaughtUp: caughtUp.resolve,
        signal: ended.signal,
      });
      await caughtUp.promise;
      const about = { graceMs: 0, slackMs: SLACK_MS, maxAgeMs: 48 * HOUR_MS, now: Date.now };
      const keeper = createWindowKeeper({ bus, positions, open, needed, log: { error() {} }, ...about });
      return {
        ...keeper,
        async [Symbol.asyncDispose]() {
          ended.abort();
          await following;
        },
      };
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(readers);
    },
  };
}

/** Looks until a look tells what is wanted. */
export function untilKept(
  keeper: Pick<WindowKeeper, 'look'>,
  wanted: (state: WindowState) => boolean | Promise<boolean>,
) {
  return expect
    .poll(
      async () => {
        const state = await keeper.look();
        return state !== undefined && (await wanted(state));
      },
      { timeout: 20_000 },
    )
    .toBe(true);
}
