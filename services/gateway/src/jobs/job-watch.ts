import type { Bus, StoredEvent } from '@errand/bus';
import {
  isEndingType,
  type JobEventType,
  jobSubjectsOfAnyAction,
  type RecordedEvent,
  storedSubject,
} from '@errand/contracts';
import { evolve, type JobState } from '@errand/domain';
import { createLimiter } from '@errand/runtime';

/*
 * Waiting for a job without asking again and again. The log tells what it has stored. That can be lost, so a waiter goes
 * on with an event only if it follows the version that the waiter knows of. It subscribes first, reads the job, and then
 * sleeps until
 *
 *   an event arrives         it takes it in, or reads again; what arrives meanwhile is one further read
 *   the connection is back   it reads again, since hints were lost
 *   a read has failed        it reads again in a moment
 *   its time is over         it answers with what it knows
 *   the caller is gone, or this process stops: the same
 *
 * At rest a waiter is one subscription and one timer. Thousands may be woken by one reconnection or by a batch that ends,
 * so the reads of those who are woken take turns: all at once they would outlast the log's patience.
 */

type Wake = 'stored' | 'nudged' | 'timeout' | 'aborted';

const READS_AT_ONCE = 64;
const READ_AGAIN_MS = 500;

/** What happens to one job, from the moment of its making until it is disposed of. */
export interface JobChanges extends Disposable {
  /** Resolves with the reason to look again, at once if there was one since the last call. */
  next(): Promise<Wake>;
  /**
   * Reads in turn with the other waiters. Undefined when the wait is over before that, and when the read has failed:
   * then `next` tells of something stored again in a moment.
   */
  read<T>(call: () => Promise<T>): Promise<T | undefined>;
  /** Wakes the waiter for a reason of its owner. */
  nudge(): void;
  /**
   * The state with all that was stored since, by what the log said; undefined if the job has to be read for that. Then
   * everything is forgotten that was said before that read.
   */
  fold(state: JobState): JobState | undefined;
  /** The newest version that the log has said to be stored; undefined if it said none, or if hints were lost. */
  told(): number | undefined;
}

interface FollowOptions {
  /** Any of them ends the wait. */
  readonly signals: readonly AbortSignal[];
  /** How long to wait in all, in milliseconds; undefined: without end. */
  readonly timeoutMs?: number;
  /** Which stored events are a reason to wake. Default: any. */
  readonly wakesOn?: (stored: StoredEvent) => boolean;
}

export interface JobWatch {
  follow(job: { tenantId: string; jobId: string }, options: FollowOptions): JobChanges;
  /** How many are followed at this moment. */
  size(): number;
}

/** `stopping` ends all waits of this process. */
export function createJobWatch(jobs: Pick<Bus['jobs'], 'onStored'>, stopping: AbortSignal): JobWatch {
  const inTurn = createLimiter(READS_AT_ONCE);
  const open = new Set<() => void>();
  stopping.addEventListener('abort', () => {
    for (const abort of open) abort();
  });
  return {
    size: () => open.size,
    follow({ tenantId, jobId }, { signals, timeoutMs, wakesOn = () => true }) {
      const wakes = createWakes();
      const said = createSaid();
      let told: number | undefined;
      const unsubscribe = jobs.onStored(storedSubject(jobSubjectsOfAnyAction(tenantId, jobId)), {
        onEvent: (stored) => {
          said.add(stored);
          told = Math.max(told ?? 0, stored.version);
          if (wakesOn(stored)) wakes.give('stored');
        },
        onGap: () => {
          said.lose();
          told = undefined;
          wakes.give('stored');
        },
      });
      const abort = () => wakes.give('aborted');
      const timer = timeoutMs === undefined ? undefined : setTimeout(wakes.give, timeoutMs, 'timeout');
      let again: NodeJS.Timeout | undefined;
      for (const signal of signals) signal.addEventListener('abort', abort, { once: true });
      open.add(abort);
      if (stopping.aborted || signals.some(({ aborted }) => aborted)) abort();
      return {
        next: wakes.next,
        async read(call) {
          try {
            const reading = inTurn(async () => {
              if (wakes.isOver()) return undefined;
              said.forget();
              return call();
            });
            return await Promise.race([reading, wakes.over]);
          } catch {
            said.lose();
            clearTimeout(again);
            again = setTimeout(wakes.give, READ_AGAIN_MS, 'stored');
            return undefined;
          }
        },
        nudge: () => wakes.give('nudged'),
        fold: said.fold,
        told: () => told,
        [Symbol.dispose]() {
          unsubscribe();
          clearTimeout(timer);
          clearTimeout(again);
          for (const signal of signals) signal.removeEventListener('abort', abort);
          open.delete(abort);
          abort();
        },
      };
    },
  };
}

/** Of one job: more than these are not worth keeping. */
const MOST_SAID = 16;

/** What the log has said of a job since it was read. */
function createSaid() {
  let events: { follows: number; recorded: RecordedEvent }[] = [];
  let isWhole = true;
  const lose = () => {
    events = [];
    isWhole = false;
  };
  return {
    lose,
    forget() {
      events = [];
      isWhole = true;
    },
    add({ follows, decode }: StoredEvent): void {
      const recorded = isWhole && events.length < MOST_SAID ? decode() : undefined;
      if (recorded) events.push({ follows, recorded });
      else lose();
    },
    fold(state: JobState): JobState | undefined {
      let folded = state;
      for (const { follows, recorded } of events) {
        if (recorded.version <= folded.version) continue;
        if (follows !== folded.version) isWhole = false;
        if (isWhole) folded = evolve(folded, recorded);
      }
      events = [];
      return isWhole ? folded : undefined;
    },
  };
}

/** Reasons to wake, each kept until it is told; the two that end a wait are kept for ever. */
function createWakes() {
  const reasons = new Set<Wake>();
  const over = Promise.withResolvers<undefined>();
  let wake = () => {};
  return {
    over: over.promise,
    isOver: () => reasons.has('aborted') || reasons.has('timeout'),
    give(reason: Wake): void {
      reasons.add(reason);
      if (reason === 'aborted' || reason === 'timeout') over.resolve(undefined);
      wake();
    },
    async next(): Promise<Wake> {
      for (;;) {
        if (reasons.has('aborted')) return 'aborted';
        if (reasons.has('timeout')) return 'timeout';
        if (reasons.delete('stored')) return 'stored';
        if (reasons.delete('nudged')) return 'nudged';
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

/**
 * Resolves with the job's state as soon as it is enough, or with the newest one known when the time is over, the
 * caller is gone or the process stops. `atLeast` is a version that the log is known to hold already.
 * @throws what the first read throws; later reads may fail, which costs this waiter nothing but time.
 */
export async function awaitJob(
  watch: JobWatch,
  job: { tenantId: string; jobId: string },
  options: FollowOptions & {
    read: (atLeast: number | undefined) => Promise<JobState>;
    isEnough: (state: JobState) => boolean;
    atLeast?: number;
  },
): Promise<JobState> {
  const { isEnough } = options;
  using changes = watch.follow(job, options);
  const read = () => options.read(changes.told());
  let state = await options.read(options.atLeast);
  while (!isEnough(state)) {
    const wake = await changes.next();
    if (wake === 'aborted') break;
    const folded = changes.fold(state);
    if (wake === 'timeout') return folded ?? read().catch(() => state);
    state = folded ?? (await changes.read(read)) ?? state;
  }
  return state;
}

/** Whether no event of the job can follow. */
export function isEnding({ type }: { readonly type: JobEventType }): boolean {
  return isEndingType(type);
}
