import {
  type ConcurrencyKey,
  isEndingType,
  isHeldSubject,
  type JobEvent,
  type JobRef,
  parseJobSubject,
} from '@errand/contracts';

/*
 * What must hold of the log of some tenants whatever was done, told event by event in the log's order. It knows nothing of the
 * scheduler's code:
 *
 *   waiting   for start_after or another attempt ─┐ JobDue, not before that time
 *   held      for its turn ───────────────────────┴─▶ offered, also by a direct request ── JobStarted ─▶ running
 *   running   ── JobRetrying ─▶ waiting;  ── JobSucceeded, JobFailed ─▶ ended
 *   any       ── JobCanceled ─▶ ended; a running one only once JobCancelRequested came
 *
 * A tenant has at most so many jobs offered or running, a concurrency key too, and of a tenant with one slot the job with the
 * highest priority goes first.
 */

type Place = 'waiting' | 'held' | 'offered' | 'running' | 'ended';

export interface RuledJob {
  readonly ref: JobRef;
  /** Counts up from 1, as the log has them. */
  readonly number: number;
  readonly place: Place;
  /** Of its newest event. */
  readonly version: number;
  /** Of the event that put it where it is. */
  readonly placedAt: number;
  readonly attempt: number;
  readonly priority: number;
  readonly keys: readonly ConcurrencyKey[];
  readonly wakeAtMs: number;
  readonly isCancelRequested: boolean;
}

interface Limit {
  most: number;
  /** While a limit is being changed either of both may hold. */
  mostBefore: number | undefined;
  /** The version at which the tenant's last slot became free since then; 0: not known. */
  freeSince: number;
}

export interface LoggedEvent {
  readonly subject: string;
  readonly version: number;
  readonly storedMs: number;
  readonly event: JobEvent;
}

export interface HotPathRules {
  take(event: LoggedEvent): void;
  /** A tenant may have so many jobs at executors from now on, or still as many as before, until `settle`. */
  change(tenantId: string, most: number): void;
  settle(tenantId: string): void;
  jobs(): RuledJob[];
  /** Those that nothing keeps from their turn. */
  mustBeOffered(nowMs: number): RuledJob[];
  readonly broken: string[];
}

const DEFAULT_PRIORITY = 5;
/** With so many that have not begun, the executors may have enough. */
const ROOM = 12;
const isTaken = ({ place }: RuledJob) => place === 'offered' || place === 'running';

const MAY_FOLLOW: Partial<Record<JobEvent['type'], readonly Place[]>> = {
  JobDue: ['waiting', 'held'],
  JobStarted: ['offered'],
  JobRetrying: ['running'],
  JobSucceeded: ['running'],
  JobFailed: ['running'],
  JobCancelRequested: ['running'],
  JobCanceled: ['waiting', 'held', 'offered', 'running'],
};

export function createHotPathRules(tenantIds: readonly string[]): HotPathRules {
  const jobs = new Map<string, RuledJob>();
  const broken: string[] = [];
  const limits = new Map<string, Limit>(
    tenantIds.map((id) => [id, { most: Number.POSITIVE_INFINITY, mostBefore: undefined, freeSince: 0 }]),
  );

  function limitOf(tenantId: string): Limit {
    const limit = limits.get(tenantId);
    if (!limit) throw new Error(`no tenant ${tenantId}`);
    return limit;
  }

  const ofTenant = (tenantId: string) => [...jobs.values()].filter(({ ref }) => ref.tenantId === tenantId);
  const takenOf = (tenantId: string) => ofTenant(tenantId).filter(isTaken);

  function takenOfKey(tenantId: string, { name, value }: ConcurrencyKey): number {
    const has = ({ keys }: RuledJob) => keys.some((key) => key.name === name && key.value === value);
    return takenOf(tenantId).filter(has).length;
  }

  function assertMayGo(job: RuledJob, { version, storedMs }: LoggedEvent): void {
    const { ref, number, keys } = job;
    const limit = limitOf(ref.tenantId);
    const most = Math.max(limit.most, limit.mostBefore ?? limit.most);
    const taken = takenOf(ref.tenantId).length;
    const say = (what: string) => broken.push(`job ${number} was released at ${version} ${what}`);
    if (taken >= most) say(`while ${taken} of ${most} were at executors`);
    for (const key of keys) {
      const ofKey = takenOfKey(ref.tenantId, key);
      if (ofKey >= key.limit) say(`while ${ofKey} of ${key.limit} of the key ${key.value} were`);
    }
    if (job.place === 'waiting' && storedMs < job.wakeAtMs) say('before its time');
    if (limit.mostBefore !== undefined || limit.most !== 1) return;
    // Whoever released it had read all up to the ending that freed the slot.
    const before = ofTenant(ref.tenantId).find(
      (other) => other.place === 'held' && other.placedAt < limit.freeSince && other.priority > job.priority,
    );
    if (before) say(`(priority ${job.priority}) before job ${before.number} (priority ${before.priority})`);
  }

  function assertFollows(job: RuledJob, { version, event }: LoggedEvent): void {
    const say = (why: string) => broken.push(`job ${job.number}: ${event.type} at ${version} ${why}`);
    if (!MAY_FOLLOW[event.type]?.includes(job.place)) say(`of a job that is ${job.place}`);
    if (event.type === 'JobCanceled' && job.place === 'running' && !job.isCancelRequested) say('unasked');
    if (!('attempt' in event.data)) return;
    const expected = event.type === 'JobStarted' ? job.attempt + 1 : job.attempt;
    if (event.data.attempt !== expected) say(`of attempt ${event.data.attempt}, and not ${expected}`);
  }

  function requested(ref: JobRef, { subject, version, event }: LoggedEvent): void {
    if (event.type !== 'JobRequested') {
      broken.push(`${event.type} at ${version} of a job that nobody requested`);
      return;
    }
    const { start_after, priority = DEFAULT_PRIORITY, concurrency: keys = [] } = event.data;
    jobs.set(ref.jobId, {
      ref,
      number: jobs.size + 1,
      place: start_after !== undefined ? 'waiting' : isHeldSubject(subject) ? 'held' : 'offered',
      version,
      placedAt: version,
      attempt: 0,
      priority,
      keys,
      wakeAtMs: start_after === undefined ? 0 : Date.parse(start_after),
      isCancelRequested: false,
    });
  }

  function after(job: RuledJob, { version, event }: LoggedEvent): RuledJob {
    if (isEndingType(event.type)) return { ...job, version, place: 'ended', placedAt: version };
    switch (event.type) {
      case 'JobDue':
        return { ...job, version, place: 'offered', placedAt: version };
      case 'JobStarted':
        return { ...job, version, place: 'running', placedAt: version, attempt: event.data.attempt };
      case 'JobRetrying': {
        const wakeAtMs = Date.parse(event.data.retry_at);
        return { ...job, version, place: 'waiting', placedAt: version, wakeAtMs };
      }
      case 'JobCancelRequested':
        return { ...job, version, isCancelRequested: true };
      default:
        return { ...job, version };
    }
  }

  return {
    take(logged) {
      const { ref } = parseJobSubject(logged.subject) ?? {};
      if (!ref || !limits.has(ref.tenantId)) return;
      const job = jobs.get(ref.jobId);
      if (!job) return requested(ref, logged);
      assertFollows(job, logged);
      if (logged.event.type === 'JobDue') assertMayGo(job, logged);
      jobs.set(ref.jobId, after(job, logged));
      if (isTaken(job) && takenOf(ref.tenantId).length === 0) {
        limitOf(ref.tenantId).freeSince = logged.version;
      }
    },
    change(tenantId, most) {
      const limit = limitOf(tenantId);
      limit.mostBefore = limit.most;
      limit.most = most;
    },
    settle(tenantId) {
      const limit = limitOf(tenantId);
      limit.mostBefore = undefined;
      limit.freeSince = 0;
    },
    jobs: () => [...jobs.values()],
    mustBeOffered: (nowMs) => {
      if ([...jobs.values()].filter(({ place }) => place === 'offered').length >= ROOM) return [];
      return [...jobs.values()].filter(({ ref: { tenantId }, place, wakeAtMs, keys }) => {
        const isReady = place === 'held' || (place === 'waiting' && wakeAtMs <= nowMs);
        if (!isReady || takenOf(tenantId).length >= limitOf(tenantId).most) return false;
        return keys.every((key) => takenOfKey(tenantId, key) < key.limit);
      });
    },
    broken,
  };
}
