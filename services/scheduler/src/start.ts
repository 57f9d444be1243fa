import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { openWorker } from '@errand/bootstrap';
import type { Heartbeats } from '@errand/bus';
import {
  BUCKETS,
  currentContract,
  isEndingType,
  isHeldSubject,
  LogPosition,
  parseJobSubject,
  Tenant,
  withLimitsOfAll,
} from '@errand/contracts';
import { repeat, type ServiceContext } from '@errand/runtime';
import type { SchedulerConfig } from './config.ts';
import { type ContractRegistry, openRegistry } from './contracts/registry.ts';
import { bringBackLost } from './jobs/bring-back-lost.ts';
import { keepTime } from './jobs/keep-time.ts';
import { createOpenJobs } from './jobs/open-jobs.ts';
import { measureScheduler } from './measure.ts';
import { keepTurns, type TurnKeeper } from './turns/keep-turns.ts';
import { MOST_RELEASED } from './turns/room.ts';
import { createRunRates } from './turns/run-rates.ts';
import { createSlots } from './turns/slots.ts';
import { turnLimitsOf } from './turns/turn-limits.ts';
import { createWindowKeeper, type WindowState } from './window/keep-window.ts';
import { createNeededEvents } from './window/needed-events.ts';
import { readLags } from './window/reader-lags.ts';
import { createTenantBytes } from './window/tenant-bytes.ts';

/** How long whoever asks for room waits until the scheduler has read what it knows of. */
const READ_LOOKS = 100;
const READ_MS = 2;
/** How often it is looked for jobs that were lost on their way to an executor. */
const LOST_EVERY_MS = 10_000;
/** No job is moved on so late, unless something is wrong. */
const OVERDUE_MS = 5_000;

/**
 * Starts a scheduler: it says which contracts actions have, gives jobs their turns, ends overdue ones, and needs no
 * Postgres. Any number may run; they agree by the guards of what they write. `slackMs` is that of the log's window; `lostAfterMs`: how long
 * a job is for the executors before it may be taken for lost.
 */
export async function startScheduler(
  config: SchedulerConfig,
  context: ServiceContext & { now?: () => number; slackMs?: number; lostAfterMs?: number },
): Promise<AsyncDisposable & { opsPort: number }> {
  const { log, fail } = context;
  await using resources = new AsyncDisposableStack();
  let isCaughtUp = false;
  const worker = await openWorker(resources, {
    service: 'scheduler',
    config,
    context,
    checks: ({ isConnected, isAnswering }) => ({
      caught_up: () => isCaughtUp,
      nats: isConnected,
      log: isAnswering,
    }),
    now: context.now ?? Date.now,
  });
  const { bus, ops, opsPort, stopping, logNow: now } = worker;
  await worker.clockAheadMs();

  /** Executors of version 1 of the protocol end without their consumers; their jobs are adopted. */
  async function retire(): Promise<void> {
    try {
      const consumers = await bus.consumers.removeVersionOne();
      if (consumers.length > 0) log.warn({ consumers }, 'version_1_removed');
    } catch (err) {
      log.error({ err }, 'version_1_not_removed');
    }
  }

  /** What executors of version 1 have announced. Their records are read again and again. */
  const oldActions = new Set<string>();
  let onTenant: (tenantId: string, tenant: Tenant | undefined) => void = () => {};
  let registry: ContractRegistry | undefined;
  let executors: Heartbeats | undefined;
  const tenants = await bus.buckets.watch(BUCKETS.tenants, Tenant, (tenantId, tenant) =>
    onTenant(tenantId, tenant),
  );
  resources.defer(() => tenants.close());
  const limited = withLimitsOfAll(config.tenantLimits);
  const tenantOf = (tenantId: string) => limited(tenants.peek(tenantId));
  let turns: TurnKeeper | undefined;
  let window: WindowState = { neededAgeMs: 0, pin: 'scheduler' };
  const { moved, released, waited } = measureScheduler(ops.metrics, {
    waiting: () => open.waiting(),
    held: () => open.turns.held,
    longestWaits: (count) => open.turns.longestWaits(count),
    clockMs: () => now(),
    isLeading: () => turns?.isLeading ?? false,
    demand: () => open.demand(now()),
    // Before, endings may not have been read.
    overdue: () => (isCaughtUp ? open.overdue(now(), OVERDUE_MS) : 0),
    window: () => window,
    lags: () => readLags({ bus, positions, now }),
  });
  const open = createOpenJobs({
    limitsOf: (tenantId) => turnLimitsOf(tenantOf(tenantId)),
    isPaused: (action) => registry?.peek(action)?.paused === true,
    slotsOf: createSlots(() => executors?.list() ?? []),
    mostReleased: config.turns ? MOST_RELEASED : Number.POSITIVE_INFINITY,
    onReady: () => turns?.wake(),
    onBegun({ ref, standing }, waitedMs) {
      // What the log tells at the start is of another time.
      if (!isCaughtUp) return;
      waited.observe(
        { action: ref.action, way: standing === 'direct' ? 'direct' : 'turn' },
        waitedMs / 1_000,
      );
    },
  });
  onTenant = (tenantId, tenant) => {
    open.turns.relimit(tenantId);
    // Its events were removed, so no ending of its jobs may ever come.
    if (!tenant) open.doubt(tenantId);
  };
  const rates = createRunRates((tenantId) => tenantOf(tenantId)?.limits?.runs_per_second);
  /** Whether all up to a version is known, now or in a moment. */
  async function hasRead(version: number): Promise<boolean> {
    for (let looks = 0; looks < READ_LOOKS && needed.readTo < version; looks++) await pause(READ_MS);
    return isCaughtUp && needed.readTo >= version;
  }
  const needed = createNeededEvents();
  const tenantBytes = createTenantBytes();
  executors = resources.use(await bus.buckets.watchHeartbeats());
  registry = resources.use(
    await openRegistry({
      onChanged: open.turns.resume,
      bus,
      executors,
      log,
      now,
      openJobsOf: (action, contractId) => (isCaughtUp ? open.countOf(action, contractId) : undefined),
      onOldExecutor(action) {
        if (!oldActions.has(action)) log.error({ action }, 'executor_too_old');
        oldActions.add(action);
        void retire();
      },
    }),
  );
  await retire();
  const following = bus.jobs
    .follow({
      onEvent({ subject, version, storedMs, bytes, decode }) {
        const { ref, type } = parseJobSubject(subject) ?? {};
        if (!ref) return needed.pass(version);
        if (type === 'JobRequested') rates.take(ref.tenantId, storedMs);
        needed.take(ref.jobId, type, { version, storedMs, bytes });
        tenantBytes.take(ref.tenantId, { version, bytes });
        // What ends a job says so by its subject.
        if (isEndingType(type)) return open.end(ref.jobId, storedMs);
        // Progress moves no job on.
        if (type === 'JobProgressed') return;
        const decoded = decode();
        if (decoded.kind !== 'event') return;
        open.take(decoded.recorded, { storedMs, isHeld: isHeldSubject(subject) });
      },
      onMissed: () => open.doubt(),
      onCaughtUp() {
        isCaughtUp = true;
        log.info({ waiting: open.waiting() }, 'log_read');
      },
      signal: stopping,
    })
    .catch(fail);
  const time = keepTime({
    open,
    bus,
    now,
    log,
    tickMs: config.tickMs,
    signal: stopping,
    isReady: () => isCaughtUp,
    contractOf: (action) => currentContract(registry.peek(action))?.contract.contract_id,
    onMoved: (outcome) => moved.inc({ outcome }),
    onGone: (jobId) => needed.forget(jobId),
  });
  const positions = await bus.buckets.open(BUCKETS.positions, LogPosition);
  turns = keepTurns({
    bus,
    open,
    readTo: () => (isCaughtUp ? needed.readTo : undefined),
    now,
    schedulerId: randomUUID(),
    leaseMs: config.turnsLeaseMs,
    log,
    signal: stopping,
    onReleased: (jobs) => released.inc(jobs),
  });
  const keeper = createWindowKeeper({
    bus,
    positions,
    open,
    needed,
    tenantBytes,
    now,
    log,
    graceMs: config.logGraceMinutes * 60_000,
    maxAgeMs: config.jobsMaxAgeHours * 3_600_000,
    slackMs: context.slackMs,
  });
  const trimming = repeat(
    async () => {
      if (isCaughtUp) window = (await keeper.look()) ?? window;
    },
    {
      everyMs: config.logTrimMs,
      signal: stopping,
      onError: (err) => log.warn({ err }, 'log_not_trimmed'),
    },
  );
  const { lostAfterMs } = context;
  const findingLost = repeat(
    async () => {
      if (!isCaughtUp) return;
      const deps = { bus, open, actionOf: registry.peek, hasRead, now, lostAfterMs };
      for (const { ref, version } of await bringBackLost(deps)) {
        moved.inc({ outcome: 'brought_back' });
        log.error({ job_id: ref.jobId, action: ref.action, version }, 'lost_job_brought_back');
      }
    },
    {
      everyMs: Math.min(LOST_EVERY_MS, lostAfterMs ?? LOST_EVERY_MS),
      signal: stopping,
      onError: (err) => log.warn({ err }, 'lost_jobs_not_looked_for'),
    },
  );
  const sweeping = repeat(registry.sweep, {
    everyMs: config.contractSweepMs,
    signal: stopping,
    onError: (err) => log.warn({ err }, 'contracts_not_swept'),
  });
  const stopAnswering = await bus.commands.answerScheduler(
    {
      announce: registry.announce,
      withdraw: registry.withdraw,
      async room({ tenant_id, action, version }) {
        if (!(await hasRead(version))) return { kind: 'unknown' };
        return { kind: 'room', jobs: open.turns.roomOf(tenant_id, action) };
      },
      async place({ job_id, version }) {
        const place = (await hasRead(version)) ? open.placeOf(job_id) : undefined;
        return place ? { kind: 'place', place } : { kind: 'unknown' };
      },
      async usage({ tenant_id, version }) {
        if (!(await hasRead(version))) return { kind: 'unknown' };
        const backlog_ms = rates.backlogMs(tenant_id, now());
        const log_bytes = tenantBytes.of(tenant_id);
        return { kind: 'usage', queued: open.queuedOf(tenant_id), backlog_ms, log_bytes };
      },
      async demand({ version }) {
        if (!(await hasRead(version))) return { kind: 'unknown' };
        return { kind: 'demand', actions: Object.fromEntries(open.demand(now())) };
      },
      waiting_jobs: async () =>
        isCaughtUp ? { kind: 'counted', waiting: open.waiting() } : { kind: 'unknown' },
    },
    (err) => log.error({ err }, 'command_failed'),
  );
  resources.defer(stopAnswering);

  const started = resources.move();
  return {
    opsPort,
    async [Symbol.asyncDispose]() {
      worker.stop();
      await Promise.all([following, time, findingLost, sweeping, trimming, turns?.done]);
      await started[Symbol.asyncDispose]();
    },
  };
}
