import {
  type ActionDemand,
  type ConcurrencyKey,
  isEndingType,
  type JobRef,
  type QueuePlace,
  type RecordedEvent,
} from '@errand/contracts';
import { createHeap } from '@errand/runtime';
import { MOST_RELEASED } from '../turns/room.ts';
import { createTurnQueues, NO_TURN_LIMITS, type TurnLimits, type TurnQueues } from '../turns/turn-queues.ts';
import { createDemandCounter } from './action-demand.ts';

/** Where a job that has not ended stands. */
export type Standing =
  /** It waits for a time: `start_after`, or the next attempt. */
  | 'waiting'
  /** It waits for its turn. */
  | 'held'
  /** It is for the executors: since its request, by a hand-over, */
  | 'direct'
  /** or since it had its turn. */
  | 'released'
  /** An attempt holds a slot, */
  | 'running'
  /** or waits for something outside, without one. */
  | 'deferred';

/** A job that has not ended, as far as time and turns move it on. Instants are Unix milliseconds. */
export interface OpenJob {
  readonly ref: JobRef;
  readonly standing: Standing;
  /** Of the newest event that moved it. */
  readonly version: number;
  /** Undefined for a job from before contracts had ids. */
  readonly contractId: string | undefined;
  readonly finishBy: number;
  /** Undefined once an attempt has begun. */
  readonly startBy: number | undefined;
  /** When its wait is over; undefined for a job that waits for no time. */
  readonly wakeAt: number | undefined;
  /** Since when it could begin, had there been a slot for it; */
  readonly readyMs: number;
  /** and of the event that said so, which tells those of one millisecond apart. */
  readonly order: number;
  /** What it waited for, and will be due for: `turn` says to executors that its request is all that there was. */
  readonly reason: 'turn' | 'start_after' | 'retry';
  /** Who runs its attempt; undefined for one that is queued. */
  readonly executorId: string | undefined;
  readonly priority: number;
  readonly keys: readonly ConcurrencyKey[];
}

/** Where in the log an event is. `isHeld`: of a request that waits for its turn. */
interface LogPlace {
  readonly storedMs: number;
  readonly isHeld: boolean;
}

/**
 * The jobs that have not ended, folded from the log in its order. It takes some 400 bytes a job; the log tells the rest
 * once a job's time has come.
 */
export interface OpenJobs {
  take(event: RecordedEvent, place: LogPlace): void;
  /** Forgets a job that has ended. Unix milliseconds. */
  end(jobId: string, atMs: number): void;
  get(jobId: string): OpenJob | undefined;
  /**
   * Takes out jobs whose wait is over or whose deadline has passed, at most `limit`. Each comes once, unless put back. Those
   * that only have to wait for their turn from now on do so, and do not come.
   */
  due(nowMs: number, limit: number): OpenJob[];
  /** The nearest instant at which a job may be due; Infinity for none. */
  nextAtMs(): number;
  /** Has this called, instead of an earlier one, whenever the nearest instant becomes a nearer one. */
  onNearer(listener: () => void): void;
  /** Lets a job come again at an instant, if it has not ended. */
  putBack(jobId: string, atMs: number): void;
  /** Lets all come once, or those of a tenant, since some that seem open may have ended. */
  doubt(tenantId?: string): void;
  /** Those whose turn it is, at most `limit`. They count as released from now on, until `hold` takes that back. */
  release(limit: number): OpenJob[];
  /** Lets those wait for their turn again, as they did before, that were released and that the log has not moved since. */
  hold(released: readonly OpenJob[]): void;
  readonly turns: Pick<TurnQueues, 'relimit' | 'resume' | 'longestWaits' | 'roomOf' | 'held'>;
  /** What the executors of each action have to do. */
  demand(nowMs: number): Map<string, ActionDemand>;
  /** How many have a contract. */
  countOf(action: string, contractId: string): number;
  /** Why a queued job waits; undefined for one that is not queued. */
  placeOf(jobId: string): QueuePlace | undefined;
  /** How many jobs of a tenant no attempt of which is under way. */
  queuedOf(tenantId: string): number;
  /** How many wait for a time to come or for their turn: no consumer has them. */
  waiting(): number;
  /** How many waits and deadlines are over by so long, in milliseconds, and the job was not moved on. */
  overdue(nowMs: number, byMs: number): number;
  /** Jobs from before contracts had ids. */
  withoutContract(): Iterable<OpenJob>;
  /** Jobs that no attempt has begun of and that, as the log says, wait for nothing but an executor, longest moved first. */
  forExecutors(): Iterable<OpenJob>;
}

const DEFAULT_PRIORITY = 5;

interface Limits {
  readonly limitsOf: (tenantId: string) => TurnLimits;
  readonly isPaused: (action: string) => boolean;
  readonly slotsOf: (action: string) => number;
  readonly mostReleased: number;
  /** Called when it may be the turn of a job. */
  readonly onReady: () => void;
  /** Called when an attempt has begun, with the time since it could have. */
  readonly onBegun: (job: OpenJob, waitedMs: number) => void;
}

const NO_LIMITS: Limits = {
  limitsOf: () => NO_TURN_LIMITS,
  isPaused: () => false,
  slotsOf: () => 0,
  mostReleased: MOST_RELEASED,
  onReady: () => {},
  onBegun: () => {},
};

export function createOpenJobs(limits: Limits = NO_LIMITS): OpenJobs {
  const open = new Map<string, OpenJob>();
  const old = new Map<string, OpenJob>();
  const forExecutors = new Map<string, OpenJob>();
  /** Released here, which the log has not told of. */
  const promised = new WeakSet<OpenJob>();
  const counts = new Map<string, number>();
  let tellNearer = () => {};
  const queue = createTimeQueue(() => tellNearer());
  const queued = new Map<string, number>();
  let waiting = 0;
  /** Tenants, or all if it has `undefined`. */
  const doubted = new Set<string | undefined>();
  const demandCounter = createDemandCounter();
  const turns = createTurnQueues({ ...limits, current: (jobId) => open.get(jobId) });

  function set(job: OpenJob, atMs: number): void {
    const { jobId } = job.ref;
    const before = open.get(jobId);
    if (before) count(before, -1);
    open.set(jobId, job);
    count(job, 1);
    turns.move(before, job, atMs);
    // Its deadline has its own entry: one that waits again and again would have another of it after each wait.
    if (!before || deadlineOf(before) !== deadlineOf(job)) queue.add(deadlineOf(job), jobId);
    if (job.wakeAt !== undefined && job.wakeAt !== before?.wakeAt) queue.add(job.wakeAt, jobId);
  }

  function remove(jobId: string, atMs: number): void {
    const job = open.get(jobId);
    if (!job) return;
    open.delete(jobId);
    count(job, -1);
    turns.move(job, undefined, atMs);
  }

  function count(job: OpenJob, by: 1 | -1): void {
    const { ref, contractId, standing, wakeAt } = job;
    demandCounter.count(job, by);
    if (wakeAt !== undefined || standing === 'held') waiting += by;
    if (standing === 'direct' || standing === 'released') {
      if (by > 0) forExecutors.set(ref.jobId, job);
      else forExecutors.delete(ref.jobId);
    }
    if (standing !== 'running' && standing !== 'deferred') add(queued, ref.tenantId, by);
    if (contractId === undefined) {
      if (by > 0) old.set(ref.jobId, job);
      else old.delete(ref.jobId);
      return;
    }
    add(counts, keyOf(ref.action, contractId), by);
  }

  return {
    take({ ref, version, event }, { storedMs, isHeld }) {
      if (isEndingType(event.type)) return remove(ref.jobId, storedMs);
      if (event.type === 'JobRequested') {
        return set(requested(ref, event.data, { version, isHeld, storedMs }), storedMs);
      }
      if (event.type === 'JobCarried') {
        const { request, next_at, attempt, deferred } = event.data;
        const hasBegun = attempt > 0 || deferred !== undefined;
        const begun = hasBegun ? ({ startBy: undefined, reason: 'retry' } as const) : {};
        const known = open.get(ref.jobId);
        if (known?.standing === 'held' && !deferred && Date.parse(next_at) <= storedMs) {
          // An attempt may have ended that this process knows nothing of.
          return set({ ...known, ...begun, version }, storedMs);
        }
        const job = requested(ref, request, { version, isHeld: false, storedMs });
        const standing = deferred ? 'deferred' : 'waiting';
        const executorId = deferred?.executor_id;
        return set({ ...job, ...begun, standing, executorId, wakeAt: Date.parse(next_at) }, storedMs);
      }
      const job = open.get(ref.jobId);
      if (!job) return;
      const moved = { ...job, version, order: version };
      switch (event.type) {
        case 'JobStarted':
          if (job.standing === 'direct' || job.standing === 'released') {
            limits.onBegun(job, storedMs - job.readyMs);
          }
          return set(
            {
              ...moved,
              standing: 'running',
              reason: 'retry',
              startBy: undefined,
              wakeAt: undefined,
              executorId: event.data.executor_id,
            },
            storedMs,
          );
        case 'JobRetrying': {
          const wakeAt = Date.parse(event.data.retry_at);
          return set(
            { ...moved, standing: 'waiting', reason: 'retry', wakeAt, executorId: undefined },
            storedMs,
          );
        }
        case 'JobDeferred':
          return set({ ...moved, standing: 'deferred', wakeAt: Date.parse(event.data.until) }, storedMs);
        case 'JobDue': {
          const contractId = job.contractId ?? event.data.contract_id;
          const hadTurn =
            job.standing === 'held' || job.standing === 'waiting' || job.standing === 'released';
          const standing = hadTurn ? 'released' : 'direct';
          const readyMs = readyOf(job, storedMs);
          return set(
            { ...moved, standing, readyMs, contractId, wakeAt: undefined, executorId: undefined },
            storedMs,
          );
        }
        case 'JobCancelRequested':
          // A deferred attempt is resumed at once, so that it can be stopped, and so is one whose turn would come later.
          if (job.standing === 'held') return set({ ...moved, standing: 'waiting', wakeAt: 0 }, storedMs);
          return set(job.wakeAt === undefined ? moved : { ...moved, wakeAt: 0 }, storedMs);
      }
    },
    end: remove,
    get: (jobId) => open.get(jobId),
    due(nowMs, limit) {
      const jobs: OpenJob[] = [];
      if (doubted.size > 0) {
        for (const [jobId, { ref }] of open) {
          if (doubted.has(undefined) || doubted.has(ref.tenantId)) queue.add(nowMs, jobId, true);
        }
        doubted.clear();
      }
      while (jobs.length < limit) {
        const entry = queue.takeUntil(nowMs);
        if (!entry) break;
        const job = open.get(entry.jobId);
        // A job that has moved on has another entry.
        if (!job || (!entry.isPutBack && nextOf(job) !== entry.atMs)) continue;
        if (isOnlyWaiting(job, nowMs)) {
          const { wakeAt: readyMs = nowMs } = job;
          set({ ...job, standing: 'held', readyMs, wakeAt: undefined }, nowMs);
        } else jobs.push(job);
      }
      return jobs;
    },
    nextAtMs: () => (doubted.size > 0 ? Number.NEGATIVE_INFINITY : queue.nearest()),
    onNearer(listener) {
      tellNearer = listener;
    },
    putBack(jobId, atMs) {
      if (open.has(jobId)) queue.add(atMs, jobId, true);
    },
    doubt(tenantId) {
      doubted.add(tenantId);
      tellNearer();
    },
    release: (limit) => {
      const released: OpenJob[] = [];
      turns.next(limit, (job) => {
        const after = { ...job, standing: 'released' } as const;
        promised.add(after);
        set(after, 0);
        released.push(after);
      });
      return released;
    },
    hold(released) {
      for (const job of released) {
        if (open.get(job.ref.jobId) === job) set({ ...job, standing: 'held' }, 0);
      }
    },
    turns,
    demand: (nowMs) => demandCounter.read(nowMs, turns.limited()),
    countOf: (action, contractId) => counts.get(keyOf(action, contractId)) ?? 0,
    placeOf(jobId) {
      const job = open.get(jobId);
      switch (job?.standing) {
        case 'waiting':
          return { waits_for: 'time', jobs_before: null };
        case 'held':
          return turns.placeOf(job);
        case 'direct':
        case 'released':
          return { waits_for: 'executor', jobs_before: null };
      }
    },
    queuedOf: (tenantId) => queued.get(tenantId) ?? 0,
    waiting: () => waiting,
    overdue(nowMs, byMs) {
      const jobs = new Set<string>();
      // One that could not be moved on comes again a moment later.
      for (const { jobId } of queue.until(nowMs + byMs)) {
        const job = open.get(jobId);
        if (job && nextOf(job) <= nowMs - byMs) jobs.add(jobId);
      }
      return jobs.size;
    },
    withoutContract: () => old.values(),
    *forExecutors() {
      for (const job of forExecutors.values()) if (!promised.has(job)) yield job;
    },
  };
}

function requested(
  ref: JobRef,
  data: Extract<RecordedEvent['event'], { type: 'JobRequested' }>['data'],
  { version, isHeld, storedMs }: LogPlace & { version: number },
): OpenJob {
  const { contract_id: contractId, finish_by, start_by, start_after, priority, concurrency } = data;
  const wakeAt = start_after === undefined ? undefined : Date.parse(start_after);
  return {
    ref,
    standing: wakeAt !== undefined ? 'waiting' : isHeld ? 'held' : 'direct',
    version,
    contractId,
    finishBy: Date.parse(finish_by),
    startBy: start_by === undefined ? undefined : Date.parse(start_by),
    wakeAt,
    readyMs: storedMs,
    order: version,
    reason: wakeAt === undefined ? 'turn' : 'start_after',
    executorId: undefined,
    priority: priority ?? DEFAULT_PRIORITY,
    keys: concurrency ?? NO_KEYS,
  };
}

/** Since when a job could begin that is for the executors. */
function readyOf({ standing, readyMs, wakeAt }: OpenJob, storedMs: number): number {
  if (standing === 'held' || standing === 'released') return readyMs;
  // Another scheduler may have ended the wait before this one did.
  return standing === 'waiting' && wakeAt ? Math.min(wakeAt, storedMs) : storedMs;
}

function add(counts: Map<string, number>, key: string, by: number): void {
  const next = (counts.get(key) ?? 0) + by;
  if (next === 0) counts.delete(key);
  else counts.set(key, next);
}

const NO_KEYS: readonly ConcurrencyKey[] = [];

/** Whether its wait is over, and nothing else is to be done. */
function isOnlyWaiting(job: OpenJob, nowMs: number): boolean {
  const { standing, contractId, wakeAt } = job;
  const isOver = wakeAt !== undefined && wakeAt > 0 && wakeAt <= nowMs;
  return standing === 'waiting' && isOver && contractId !== undefined && deadlineOf(job) > nowMs;
}

function deadlineOf({ finishBy, startBy = finishBy }: OpenJob): number {
  return Math.min(finishBy, startBy);
}

function nextOf(job: OpenJob): number {
  return Math.min(deadlineOf(job), job.wakeAt ?? Number.POSITIVE_INFINITY);
}

function keyOf(action: string, contractId: string): string {
  return `${action}.${contractId}`;
}

interface TimeEntry {
  readonly atMs: number;
  readonly jobId: string;
  readonly isPutBack: boolean;
}

/** The nearest instant first. `onNearer` is called when there is a nearer one than before. */
function createTimeQueue(onNearer: () => void) {
  const heap = createHeap<TimeEntry>((a, b) => a.atMs < b.atMs);
  const nearest = () => heap.peek()?.atMs ?? Number.POSITIVE_INFINITY;
  return {
    add(atMs: number, jobId: string, isPutBack = false): void {
      const isNearer = atMs < nearest();
      heap.add({ atMs, jobId, isPutBack });
      if (isNearer) onNearer();
    },
    nearest,
    /** The nearest, if its instant has come. */
    takeUntil: (nowMs: number) => (nearest() <= nowMs ? heap.take() : undefined),
    /** All up to an instant, in no order. */
    until: (atMs: number) => heap.firstWhile((entry) => entry.atMs <= atMs),
  };
}
