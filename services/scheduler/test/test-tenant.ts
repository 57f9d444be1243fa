import {
  BUCKETS,
  isEndingType,
  isHeldSubject,
  type JobEventType,
  type JobRef,
  parseJobSubject,
  Tenant,
  type TenantLimits,
} from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { inMs, STARTED, SUCCEEDED, type TestJobs } from './test-jobs.ts';

/** A tenant of one test, and the jobs that it has there. */
export interface TestTenant {
  readonly tenantId: string;
  request: TestJobs['request'];
  /** Requests a job that waits for its turn. */
  held(changes?: Parameters<TestJobs['request']>[0]): Promise<JobRef>;
  /** Resolves once a scheduler knows of the limits. */
  setLimits(limits: TenantLimits, paused?: boolean): Promise<void>;
  versionOf(ref: JobRef): Promise<number>;
  isDue(ref: JobRef): Promise<boolean>;
  released(refs: readonly JobRef[]): Promise<JobRef[]>;
  /** Runs a released job to its end, as an executor does. */
  run(ref: JobRef): Promise<void>;
  cancel(ref: JobRef): Promise<void>;
  /** Whoever could have had a turn before this resolves has had it: a job of another tenant that came later has. */
  untilOthersHadTheirTurn(): Promise<void>;
  /** All that the log holds of the tenant's jobs, in its order. */
  readAll(): Promise<LoggedEvent[]>;
  /** No executor runs them: what is released and never begun would keep the jobs of the next test from their turn. */
  endAll(): Promise<void>;
}

interface LoggedEvent {
  readonly jobId: string;
  readonly type: JobEventType;
  readonly isHeld: boolean;
}

let made = 0;

export function openTestTenant(jobs: TestJobs): TestTenant {
  const tenantId = `tenant-${++made}`;
  const requested: JobRef[] = [];
  const tenant: TestTenant = {
    tenantId,
    async request(changes, then, lane) {
      const ref = await jobs.request({ tenant_id: tenantId, ...changes }, then, lane);
      requested.push(ref);
      return ref;
    },
    held: (changes = {}) => tenant.request(changes, [], 'held'),
    async setLimits(limits, paused = false) {
      const bucket = await jobs.bus.buckets.open(BUCKETS.tenants, Tenant);
      const record = { created_at: inMs(0), limits, paused };
      await bucket.put(tenantId, { tenant_id: tenantId, ...record });
      // The scheduler that knows of a later record knows of this one.
      const marker = `marker-${++made}`;
      await bucket.put(marker, { tenant_id: marker, ...record, paused: true });
      const knows = async () => {
        const wanted = { tenant_id: marker, action: 'add', version: 0 };
        const answer = await jobs.bus.commands.askScheduler('room', wanted);
        return answer.kind === 'room' && answer.jobs === 0;
      };
      await waitUntil(knows, { timeoutMs: 10_000, intervalMs: 20 });
    },
    versionOf: async (ref) => Math.max(...(await jobs.bus.jobs.read(ref)).map(({ version }) => version)),
    isDue: async (ref) => (await jobs.typesOf(ref)).includes('JobDue'),
    async released(refs) {
      const due = await Promise.all(refs.map(tenant.isDue));
      return refs.filter((_, place) => due[place]);
    },
    async run(ref) {
      const version = await jobs.append(ref, await tenant.versionOf(ref), STARTED);
      await jobs.append(ref, version, SUCCEEDED);
    },
    async cancel(ref) {
      await jobs.append(ref, await tenant.versionOf(ref), { type: 'JobCanceled', data: { by: 'test' } });
    },
    async untilOthersHadTheirTurn() {
      await jobs.lastOf(await tenant.held({ tenant_id: `other-${++made}` }), 'JobDue');
    },
    async readAll() {
      const events: LoggedEvent[] = [];
      const over = new AbortController();
      await jobs.bus.jobs.follow({
        onEvent({ subject }) {
          const { ref, type } = parseJobSubject(subject) ?? {};
          if (ref?.tenantId !== tenantId || !type) return;
          events.push({ jobId: ref.jobId, type, isHeld: isHeldSubject(subject) });
        },
        onCaughtUp: () => over.abort(),
        signal: over.signal,
      });
      return events;
    },
    async endAll() {
      const end = async (ref: JobRef) => {
        const events = await jobs.bus.jobs.read(ref);
        if (events.length === 0 || events.some(({ event }) => isEndingType(event.type))) return true;
        return tenant.cancel(ref).then(() => true);
      };
      // A release may come between the two.
      await Promise.all(requested.splice(0).map((ref) => waitUntil(() => end(ref))));
    },
  };
  return tenant;
}

/** How many jobs were at an executor, or on their way to one, at the busiest moment. */
export function mostTaken(events: readonly LoggedEvent[]): number {
  const taken = new Set<string>();
  let most = 0;
  for (const { jobId, type, isHeld } of events) {
    if (isEndingType(type) || type === 'JobRetrying') taken.delete(jobId);
    else if (!isHeld) taken.add(jobId);
    most = Math.max(most, taken.size);
  }
  return most;
}

/** How many events of a type a job has. */
export function countOf(events: readonly LoggedEvent[], ref: JobRef, type: JobEventType): number {
  return events.filter((event) => event.jobId === ref.jobId && event.type === type).length;
}
