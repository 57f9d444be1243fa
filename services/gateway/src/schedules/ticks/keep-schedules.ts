import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type Bus, createFollower, LogUnavailable } from '@errand/bus';
import type { Schedule, ScheduleProgress, ScheduleTick, Tenant, TickOutcome } from '@errand/contracts';
import { createLimiter, type Logger, repeat } from '@errand/runtime';
import { Refusal } from '../../http/problem.ts';
import { createBreather } from '../../load/breather.ts';
import { type ScheduleStore, scheduleKey } from '../schedule-store.ts';
import { tickAfter } from '../timing.ts';
import { dueTicks, spreadMs } from './due-ticks.ts';
import { createLedRequests, type LedRequests } from './led-requests.ts';
import { findTickJob, requestTick, type TickDeps } from './request-tick.ts';
import { createTickTimes } from './tick-times.ts';

interface KeeperDeps extends TickDeps {
  readonly bus: { readonly schedules: Bus['schedules'] };
  readonly store: ScheduleStore;
  readonly tenants: { readonly peek: (tenantId: string) => Tenant | undefined };
  /** For how long a gateway that does not answer keeps the lead, in milliseconds. */
  readonly leaseMs: number;
  /** Ticks that are older are not made up for, in milliseconds. */
  readonly catchUpMs: number;
  readonly log: Logger;
  /** Aborted when the process is about to end. */
  readonly stopping: AbortSignal;
  readonly onTick: (outcome: TickOutcome, lateMs: number) => void;
}

const FOLLOW_MS = 500;
const AGAIN_MS = 1_000;
const LONGEST_SLEEP_MS = 5_000;
const AT_ONCE = 64;
/** So long a tick waits, from its moment on or the first refusal, for what passes by itself, such as a limit of its tenant. */
const PATIENCE_MS = 600_000;
/** So often a job is looked for in an audit log that has no end. */
const MOST_LOOKS = 20;
/** A lead that is not said again leaves the log with what else is not needed. */
const SAID_EVERY_MS = 60_000;
const CLOCKS_DIFFER_MS = 60_000;
const NO_COUNTS = { requested: 0, skipped: 0, missed: 0, refused: 0 };

/**
 * Requests the jobs of all schedules as their ticks come, while this gateway leads, until disposed of. A tick that another one
 * may have decided on before is looked for first; so each has one job, whoever dies over it.
 */
export function keepSchedules(deps: KeeperDeps): AsyncDisposable {
  const { bus, store, leaseMs, log } = deps;
  const stop = new AbortController();
  const stopping = AbortSignal.any([deps.stopping, stop.signal]);
  const leaderId = randomUUID();
  const follower = createFollower(bus.schedules, { leaderId, leaseMs });
  let onChanged: (key: string) => void = () => {};
  store.listen((key) => onChanged(key));

  async function follow(): Promise<void> {
    // Without any, nobody needs to lead.
    const isNeeded = !store.schedules.entries().next().done;
    const version = isNeeded ? await follower.look() : undefined;
    if (version === undefined) return pause(FOLLOW_MS, undefined, { signal: stopping });
    using _answering = bus.schedules.answer();
    const led = createLedRequests(bus.schedules, { leaderId, version });
    const until = AbortSignal.any([stopping, led.lost]);
    log.info({ version }, 'schedules_led');
    try {
      await lead(deps, {
        led,
        until,
        listen: (listener) => {
          onChanged = listener;
        },
      });
    } finally {
      onChanged = () => {};
      follower.heard();
      if (!stopping.aborted) log.warn({ version }, 'schedules_lost');
    }
  }

  async function run(): Promise<void> {
    while (!stopping.aborted) {
      await follow().catch(async (err) => {
        if (stopping.aborted) return;
        if (!(err instanceof LogUnavailable)) log.error({ err }, 'schedules_not_kept');
        await pause(AGAIN_MS, undefined, { signal: stopping }).catch(() => {});
      });
    }
  }

  const done = run();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done;
    },
  };
}

interface Leading {
  readonly led: LedRequests;
  /** Fires when this process leads no more. */
  readonly until: AbortSignal;
  readonly listen: (onChanged: (key: string) => void) => void;
}

async function lead(deps: KeeperDeps, { led, until, listen }: Leading): Promise<void> {
  const { store, now, catchUpMs, log } = deps;
  const ticking: TickDeps = { ...deps, runs: { ...deps.runs, runs: { ...deps.runs.runs, turns: led } } };
  /** Ticks up to here may be another process's, whose clock is not the same. */
  const othersMs = now() + CLOCKS_DIFFER_MS;
  const times = createTickTimes();
  const inTurn = createLimiter(AT_ONCE);
  const underWay = new Map<string, Promise<void>>();
  /** What this process has read and written, which the watch may not have seen yet. */
  const known = new Map<string, ScheduleProgress | undefined>();
  /** Whose last attempts had no answer, and how many. */
  const unsure = new Map<string, number>();
  /** Since when what passes by itself keeps the jobs of a schedule from being requested. */
  const refusedSince = new Map<string, number>();
  let wake = () => {};

  function plan(key: string): void {
    if (underWay.has(key)) return;
    const schedule = servedBy(deps, key);
    if (!schedule) known.delete(key);
    const doneMs = doneMsOf(known.get(key) ?? store.progress.peek(key));
    const tickMs = schedule && tickAfter(schedule, Math.max(doneMs, Date.parse(schedule.counts_from)));
    if (schedule && tickMs !== undefined) times.set(key, tickMs + spreadMs(schedule));
    else if (isTenantUnknown(deps, key)) times.set(key, now() + AGAIN_MS);
    else times.delete(key);
    wake();
  }

  function begin(key: string): void {
    const work = inTurn(() => decideOn(key)).then(
      () => {
        unsure.delete(key);
        refusedSince.delete(key);
        underWay.delete(key);
        plan(key);
      },
      (error) => {
        const isPassing = error instanceof Refusal;
        if (isPassing) refusedSince.set(key, refusedSince.get(key) ?? now());
        else unsure.set(key, (unsure.get(key) ?? 0) + 1);
        if (!isPassing && !(error instanceof LogUnavailable) && !until.aborted) {
          log.error({ err: error, schedule: key }, 'tick_failed');
        }
        underWay.delete(key);
        times.set(key, now() + AGAIN_MS);
        wake();
      },
    );
    underWay.set(key, work);
  }

  async function decideOn(key: string): Promise<void> {
    const schedule = servedBy(deps, key);
    if (!schedule) return;
    if (!known.has(key)) known.set(key, await store.progress.get(key));
    let come = known.get(key);
    const about = { doneMs: doneMsOf(come), nowMs: now(), catchUpMs };
    const { due, missed, oldestMissed, newestMissed } = dueTicks(schedule, about);
    const mayBeDone = (atMs: number) => atMs <= othersMs || unsure.has(key);
    const mayBeOutOfReach = (unsure.get(key) ?? 0) >= MOST_LOOKS;
    if (oldestMissed !== undefined && newestMissed !== undefined) {
      // Whoever was there decided on one after the other, so no younger one has a job.
      const looks = mayBeDone(oldestMissed) && !mayBeOutOfReach;
      const found = looks && (await findTickJob(ticking, schedule, oldestMissed));
      if (found) come = await note(schedule, found, 0);
      const at = new Date(newestMissed).toISOString();
      const tick: ScheduleTick = { at, outcome: 'missed', job_id: null, code: null, detail: null };
      const count = found ? missed - 1 : missed;
      if (count > 0) come = await note(schedule, tick, count);
    }
    for (const atMs of due) {
      until.throwIfAborted();
      // It was changed or paused meanwhile.
      if (store.schedules.peek(key)?.updated_at !== schedule.updated_at) return;
      const waitsSinceMs = Math.max(atMs + spreadMs(schedule), refusedSince.get(key) ?? now());
      const isLast = now() - waitsSinceMs > PATIENCE_MS;
      const lastJobId = come?.last_job_id ?? null;
      const tick = await requestTick(ticking, {
        schedule,
        atMs,
        lastJobId,
        mayBeDone: mayBeDone(atMs),
        isLast,
        mayBeOutOfReach,
      });
      if (tick.outcome === 'requested') refusedSince.delete(key);
      deps.onTick(tick.outcome, Math.max(0, now() - atMs - spreadMs(schedule)));
      come = await note(schedule, tick, 0);
    }
  }

  /** Writes what became of a tick, unless somebody has come further. */
  async function note(
    { tenant_id, schedule_id }: Schedule,
    tick: ScheduleTick,
    missed: number,
  ): Promise<ScheduleProgress> {
    const key = scheduleKey({ tenant_id, schedule_id });
    if (missed > 0) deps.onTick('missed', 0);
    const come = await store.progress.upsert(key, (stored) => {
      if (stored && stored.last_tick.at >= tick.at) return stored;
      const counts = { ...NO_COUNTS, ...stored?.counts };
      counts.missed += missed;
      if (tick.outcome !== 'missed') counts[tick.outcome] += 1;
      const last_job_id = tick.job_id ?? stored?.last_job_id ?? null;
      return { tenant_id, schedule_id, last_tick: tick, last_job_id, counts };
    });
    known.set(key, come);
    // It was removed meanwhile.
    if (!store.schedules.peek(key)) await store.progress.delete(key);
    return come;
  }

  until.addEventListener('abort', () => wake(), { once: true });
  const saying = repeat(led.say, { everyMs: SAID_EVERY_MS, signal: until, onError: () => {} });
  listen(plan);
  const breathe = createBreather();
  for (const [key] of [...store.schedules.entries()]) {
    plan(key);
    await breathe();
  }
  while (!until.aborted) {
    for (const key of times.take(now(), AT_ONCE)) begin(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    wake = resolve;
    const untilNextMs = (times.next() ?? Number.POSITIVE_INFINITY) - now();
    const timer = setTimeout(resolve, Math.min(LONGEST_SLEEP_MS, Math.max(0, untilNextMs)));
    await promise;
    clearTimeout(timer);
  }
  await Promise.all([saying, ...underWay.values()]);
}

/** A schedule whose ticks count now. */
function servedBy({ store, tenants }: KeeperDeps, key: string): Schedule | undefined {
  const schedule = store.schedules.peek(key);
  const tenant = schedule && tenants.peek(schedule.tenant_id);
  return schedule?.paused || !tenant || tenant.deleting ? undefined : schedule;
}

/** As long as this process has seen a schedule before its tenant. */
function isTenantUnknown({ store, tenants }: KeeperDeps, key: string): boolean {
  const schedule = store.schedules.peek(key);
  return schedule !== undefined && !tenants.peek(schedule.tenant_id);
}

function doneMsOf(come: ScheduleProgress | undefined): number {
  return come === undefined ? 0 : Date.parse(come.last_tick.at);
}
