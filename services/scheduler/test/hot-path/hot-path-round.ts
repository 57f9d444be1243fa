import { randomUUIDv7 } from 'node:crypto';
import { type JobEventOf, type JobFact, type Lane, type TenantLimits, toJobEvent } from '@errand/contracts';
import { type Command, decide, foldJob } from '@errand/domain';
import { waitUntil } from '@errand/testkit';
import { SUCCEEDED } from '../test-jobs.ts';
import { openTestTenant, type TestTenant } from '../test-tenant.ts';
import { createHotPathRules, type RuledJob } from './hot-path-rules.ts';
import type { HotPathSystem } from './hot-path-system.ts';

/** One sequence of commands: two tenants of its own, and what gateways and executors do for them. */
export interface HotPathRound extends AsyncDisposable {
  readonly system: HotPathSystem;
  /** Requests a job, which is held where a gateway would not let it go directly. */
  request(
    tenant: number,
    changes: Partial<JobEventOf<'JobRequested'>['data']>,
    isDirect: boolean,
  ): Promise<void>;
  /** Does to one of the jobs in some place what its executor or a caller does; nothing if there is none. */
  write(
    pick: (jobs: RuledJob[]) => RuledJob[],
    index: number,
    make: (job: RuledJob) => Command,
  ): Promise<void>;
  /** Ends a running job, and the next one of its tenant while the scheduler gives it the turn. */
  endWithNext(index: number): Promise<void>;
  /** Ends a job as an executor would that has not seen its newest event. */
  writeLate(index: number): Promise<void>;
  /** Resolves once the scheduler keeps to them. There must be one scheduler only. */
  setLimits(tenant: number, limits: Pick<TenantLimits, 'max_running'>, paused: boolean): Promise<void>;
  /** Resolves once all have been released that may be. @throws for those that are not */
  untilReleased(): Promise<void>;
  /** Lets all jobs run to their ends. @throws for those that do not come to one */
  finish(): Promise<void>;
  /** Which rules the log has broken. */
  readonly broken: readonly string[];
}

export const START_ATTEMPT: Command = { type: 'startAttempt', executorId: 'e', maxAttempts: 1_000 };

interface Limited {
  readonly tenant: TestTenant;
  limits: Pick<TenantLimits, 'max_running'>;
  isPaused: boolean;
}

const PATIENCE_MS = 30_000;
let flushes = 0;

export function openHotPathRound(system: HotPathSystem): HotPathRound {
  const { jobs } = system;
  const { bus } = jobs;
  const tenants = [0, 1].map((): Limited => {
    return { tenant: openTestTenant(jobs), limits: {}, isPaused: false };
  });
  const rules = createHotPathRules(tenants.map(({ tenant }) => tenant.tenantId));
  system.listen(rules.take);

  function limitedOf(index: number): Limited {
    const limited = tenants[index % tenants.length];
    if (!limited) throw new Error(`no tenant ${index}`);
    return limited;
  }

  const isOpen = ({ place }: RuledJob) => place !== 'ended';

  function append(job: RuledJob, fact: JobFact, expectedVersion: number) {
    const { ref } = job;
    const about = { jobId: ref.jobId, source: '/errand/test', timeMs: Date.now() } as const;
    return bus.jobs.append({
      ref,
      event: toJobEvent(fact, { id: randomUUIDv7(), ...about }),
      expectedVersion,
    });
  }

  /** Reads and decides again where another writer was faster, as every writer does. */
  async function writeTo(job: RuledJob, command: Command): Promise<void> {
    const version = await waitUntil(
      async () => {
        const state = foldJob(await bus.jobs.read(job.ref));
        const decision = decide(command, state);
        if (decision.kind === 'rejected') return state?.version;
        const outcome = await append(job, decision.fact, state?.version ?? 0);
        return outcome.kind === 'appended' ? outcome.version : undefined;
      },
      { intervalMs: 1 },
    );
    await system.hasReported(version);
  }

  /** What a scheduler had decided before it knew of the limits is in the log once this resolves. */
  async function flush(): Promise<void> {
    const { tenant } = limitedOf(0);
    const ref = await jobs.request({ tenant_id: `flush-${++flushes}` }, [], 'held');
    await jobs.lastOf(ref, 'JobDue');
    await system.hasReported(await tenant.versionOf(ref));
    await tenant.cancel(ref);
  }

  const round: HotPathRound = {
    system,
    async request(index, changes, isDirect) {
      const { tenant, limits, isPaused } = limitedOf(index);
      const isFree = limits.max_running === undefined && !isPaused && changes.concurrency === undefined;
      const lane: Lane = isDirect && isFree ? 'fast' : 'held';
      const ref = await tenant.request(changes, [], lane);
      await system.hasReported(await tenant.versionOf(ref));
    },
    async write(pick, index, make) {
      const those = pick(rules.jobs());
      const job = those[index % those.length];
      if (job) await writeTo(job, make(job));
    },
    async endWithNext(index) {
      const those = rules
        .jobs()
        .filter(({ place, isCancelRequested }) => place === 'running' && !isCancelRequested);
      const job = those[index % those.length];
      const [next] = rules
        .jobs()
        .filter(({ place, ref }) => place === 'held' && ref.tenantId === job?.ref.tenantId)
        .toSorted((a, b) => b.priority - a.priority || a.version - b.version);
      if (!job || !next) return;
      const ended: JobFact = {
        type: 'JobSucceeded',
        data: { attempt: job.attempt, result: 1, duration_ms: 1 },
      };
      await append(job, ended, job.version);
      await append(next, { type: 'JobCanceled', data: { by: 'test' } }, next.version);
      // Whoever was too late goes on from what is there.
      await writeTo(next, { type: 'cancelJob', by: 'test' });
    },
    async writeLate(index) {
      const those = rules.jobs().filter(({ attempt }) => attempt > 0);
      const job = those[index % those.length];
      if (!job) return;
      const versions = (await bus.jobs.read(job.ref)).map(({ version }) => version).toSorted((a, b) => a - b);
      const outcome = await append(job, SUCCEEDED, versions.at(-2) ?? 0);
      if (outcome.kind !== 'conflict') rules.broken.push(`job ${job.number} was ended by a stale executor`);
    },
    async setLimits(index, limits, paused) {
      const limited = limitedOf(index);
      const { tenant } = limited;
      rules.change(tenant.tenantId, paused ? 0 : (limits.max_running ?? Number.POSITIVE_INFINITY));
      await tenant.setLimits(limits, paused);
      await flush();
      rules.settle(tenant.tenantId);
      limited.limits = limits;
      limited.isPaused = paused;
    },
    async untilReleased() {
      const due = () => rules.mustBeOffered(Date.now());
      await waitUntil(() => due().length === 0, { timeoutMs: PATIENCE_MS, intervalMs: 2 }).catch(() => {
        const numbers = due().map(({ number, place }) => `${number} (${place})`);
        throw new Error(`not released within ${PATIENCE_MS} ms: job ${numbers.join(', ')}`);
      });
    },
    async finish() {
      if (system.schedulers > 1) await system.stopLeader();
      for (const [index, { limits, isPaused }] of tenants.entries()) {
        if (isPaused) await round.setLimits(index, limits, false);
      }
      while (rules.jobs().some(isOpen)) {
        await round.untilReleased();
        const atExecutors = rules.jobs().filter(({ place }) => place === 'offered' || place === 'running');
        for (const job of atExecutors) await runToEnd(job);
        // Those that are left wait for a time, which comes soon.
        if (atExecutors.length === 0) await untilNextWait();
      }
    },
    get broken() {
      return rules.broken;
    },
    async [Symbol.asyncDispose]() {
      // After a failure: what is left would take the place of the next round's jobs.
      for (const job of rules.jobs().filter(isOpen)) {
        await writeTo(job, { type: 'cancelJob', by: 'test' });
        await writeTo(job, { type: 'stopAttempt', attempt: job.attempt });
      }
    },
  };

  async function runToEnd(job: RuledJob): Promise<void> {
    const attempt = job.place === 'running' ? job.attempt : job.attempt + 1;
    if (job.place === 'offered') await writeTo(job, START_ATTEMPT);
    await writeTo(
      job,
      job.isCancelRequested
        ? { type: 'stopAttempt', attempt }
        : { type: 'succeedAttempt', attempt, result: 1, durationMs: 1 },
    );
  }

  async function untilNextWait(): Promise<void> {
    const isOver = () =>
      rules.jobs().some(({ place, wakeAtMs }) => place === 'waiting' && wakeAtMs <= Date.now());
    const isMoved = () => rules.jobs().every(({ place }) => place !== 'waiting');
    await waitUntil(() => isOver() || isMoved(), { intervalMs: 2 });
  }

  return round;
}
