import { isEndingType, type JobRef, type RecordedEvent } from '@errand/contracts';

/** A job that has not ended, as far as time moves it on. Instants are Unix milliseconds. */
export interface OpenJob {
  readonly ref: JobRef;
  /** Undefined for a job from before contracts had ids. */
  readonly contractId: string | undefined;
  readonly finishBy: number;
  /** Undefined once an attempt has begun. */
  readonly startBy: number | undefined;
  /** When its wait is over; undefined for a job that waits for no time. */
  readonly wakeAt: number | undefined;
  /** Who runs its attempt; undefined for one that is queued. */
  readonly executorId: string | undefined;
}

/**
 * The jobs that have not ended, folded from the log in its order. It takes some 300 bytes a job; the log tells the rest
 * once a job's time has come.
 */
export interface OpenJobs {
  take(event: RecordedEvent): void;
  /** Forgets a job that has ended. */
  end(jobId: string): void;
  get(jobId: string): OpenJob | undefined;
  /** Takes out jobs whose wait is over or whose deadline has passed, at most `limit`. Each comes once, unless put back. */
  due(nowMs: number, limit: number): OpenJob[];
  /** The nearest instant at which a job may be due; Infinity for none. */
  nextAtMs(): number;
  /** Has this called, instead of an earlier one, whenever the nearest instant becomes a nearer one. */
  onNearer(listener: () => void): void;
  /** Lets a job come again at an instant, if it has not ended. */
  putBack(jobId: string, atMs: number): void;
  /** How many have a contract. */
  countOf(action: string, contractId: string): number;
  /** How many wait for a time to come. */
  waiting(): number;
  /** Jobs from before contracts had ids. */
  withoutContract(): Iterable<OpenJob>;
}

export function createOpenJobs(): OpenJobs {
  const open = new Map<string, OpenJob>();
  const old = new Map<string, OpenJob>();
  const counts = new Map<string, number>();
  let tellNearer = () => {};
  const queue = createTimeQueue(() => tellNearer());
  let waiting = 0;

  function set(job: OpenJob): void {
    const { jobId } = job.ref;
    remove(jobId);
    open.set(jobId, job);
    count(job, 1);
    queue.add(nextOf(job), jobId);
  }

  function remove(jobId: string): void {
    const job = open.get(jobId);
    if (!job) return;
    open.delete(jobId);
    count(job, -1);
  }

  function count(job: OpenJob, by: 1 | -1): void {
    const { ref, contractId, wakeAt } = job;
    if (wakeAt !== undefined) waiting += by;
    if (contractId === undefined) {
      if (by > 0) old.set(ref.jobId, job);
      else old.delete(ref.jobId);
      return;
    }
    const key = keyOf(ref.action, contractId);
    const next = (counts.get(key) ?? 0) + by;
    if (next === 0) counts.delete(key);
    else counts.set(key, next);
  }

  return {
    take({ ref, event }) {
      if (isEndingType(event.type)) return remove(ref.jobId);
      if (event.type === 'JobRequested') return set(requested(ref, event.data));
      if (event.type === 'JobCarried') {
        const { request, next_at, attempt } = event.data;
        const job = requested(ref, request);
        const startBy = attempt === 0 ? job.startBy : undefined;
        return set({ ...job, startBy, wakeAt: Date.parse(next_at) });
      }
      const job = open.get(ref.jobId);
      if (!job) return;
      switch (event.type) {
        case 'JobStarted':
          return set({ ...job, startBy: undefined, wakeAt: undefined, executorId: event.data.executor_id });
        case 'JobRetrying':
          return set({ ...job, wakeAt: Date.parse(event.data.retry_at), executorId: undefined });
        case 'JobDeferred':
          return set({ ...job, wakeAt: Date.parse(event.data.until) });
        case 'JobDue': {
          const contractId = job.contractId ?? event.data.contract_id;
          return set({ ...job, contractId, wakeAt: undefined, executorId: undefined });
        }
        case 'JobCancelRequested':
          // A deferred attempt is resumed at once, so that it can be stopped.
          return job.wakeAt === undefined ? undefined : set({ ...job, wakeAt: 0 });
      }
    },
    end: remove,
    get: (jobId) => open.get(jobId),
    due(nowMs, limit) {
      const jobs: OpenJob[] = [];
      while (jobs.length < limit) {
        const entry = queue.takeUntil(nowMs);
        if (!entry) break;
        const job = open.get(entry.jobId);
        // A job that has moved on has another entry.
        if (job && (entry.isPutBack || nextOf(job) === entry.atMs)) jobs.push(job);
      }
      return jobs;
    },
    nextAtMs: () => queue.nearest(),
    onNearer(listener) {
      tellNearer = listener;
    },
    putBack(jobId, atMs) {
      if (open.has(jobId)) queue.add(atMs, jobId, true);
    },
    countOf: (action, contractId) => counts.get(keyOf(action, contractId)) ?? 0,
    waiting: () => waiting,
    withoutContract: () => old.values(),
  };
}

function requested(
  ref: JobRef,
  data: Extract<RecordedEvent['event'], { type: 'JobRequested' }>['data'],
): OpenJob {
  const { contract_id: contractId, finish_by, start_by, start_after } = data;
  return {
    ref,
    contractId,
    finishBy: Date.parse(finish_by),
    startBy: start_by === undefined ? undefined : Date.parse(start_by),
    wakeAt: start_after === undefined ? undefined : Date.parse(start_after),
    executorId: undefined,
  };
}

function nextOf({ finishBy, startBy = finishBy, wakeAt = finishBy }: OpenJob): number {
  return Math.min(finishBy, startBy, wakeAt);
}

function keyOf(action: string, contractId: string): string {
  return `${action}.${contractId}`;
}

interface TimeEntry {
  readonly atMs: number;
  readonly jobId: string;
  readonly isPutBack: boolean;
}

/** A binary heap: the nearest instant first. `onNearer` is called when there is a nearer one than before. */
function createTimeQueue(onNearer: () => void) {
  const heap: TimeEntry[] = [];
  const at = (place: number) => heap[place]?.atMs ?? Number.POSITIVE_INFINITY;
  function swap(a: number, b: number): void {
    const [left, right] = [heap[a], heap[b]];
    if (!left || !right) return;
    heap[a] = right;
    heap[b] = left;
  }
  return {
    add(atMs: number, jobId: string, isPutBack = false): void {
      const isNearer = atMs < at(0);
      heap.push({ atMs, jobId, isPutBack });
      for (let place = heap.length - 1; place > 0; ) {
        const parent = (place - 1) >> 1;
        if (at(parent) <= at(place)) break;
        swap(parent, place);
        place = parent;
      }
      if (isNearer) onNearer();
    },
    nearest: () => at(0),
    /** The nearest, if its instant has come. */
    takeUntil(nowMs: number): TimeEntry | undefined {
      const [first] = heap;
      if (!first || first.atMs > nowMs) return undefined;
      const last = heap.pop();
      if (heap.length === 0 || !last) return first;
      heap[0] = last;
      for (let place = 0; ; ) {
        const left = 2 * place + 1;
        const child = at(left + 1) < at(left) ? left + 1 : left;
        if (at(child) >= at(place)) return first;
        swap(child, place);
        place = child;
      }
    },
  };
}
