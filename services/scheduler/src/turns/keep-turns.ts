import { randomUUIDv7 } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type Bus, createFollower, type Lead, LogUnavailable } from '@errand/bus';
import { toJobEvent } from '@errand/contracts';
import { dueOf, foldJob, isEnded } from '@errand/domain';
import type { Logger } from '@errand/runtime';
import type { OpenJob, OpenJobs } from '../jobs/open-jobs.ts';

export interface TurnDeps {
  readonly bus: {
    readonly turns: Bus['turns'];
    readonly jobs: Pick<Bus['jobs'], 'read' | 'reach'>;
  };
  readonly open: Pick<OpenJobs, 'release' | 'hold' | 'end'>;
  /** The version up to which the log has been read; undefined until all has that it held at the start. */
  readonly readTo: () => number | undefined;
  /** Unix milliseconds by the clock of the log's server. */
  readonly now: () => number;
  readonly schedulerId: string;
  /** For how long a leader that does not answer keeps the lead, in milliseconds. */
  readonly leaseMs: number;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly onReleased: (jobs: number) => void;
}

export interface TurnKeeper {
  /** It may be somebody's turn. */
  wake(): void;
  readonly isLeading: boolean;
  /** Resolves once the signal has fired and all is done. */
  readonly done: Promise<void>;
}

const BATCH = 250;
/** So far apart are batches at least: what may be released meanwhile goes with the next one. */
const BATCH_EVERY_MS = 8;
const FOLLOW_MS = 500;
const AGAIN_MS = 250;
/** How often to look whether the log has been read so far. */
const READ_MS = 5;
/** So often a batch is refused as a whole before its jobs are looked at one by one. */
const MAX_REFUSALS = 2;

/**
 * Releases jobs as their turns come, while this process leads; follows otherwise. The lead is a message in the log that each
 * release is guarded by (`libs/bus/src/lead`), so no release of a former leader is stored, and limits hold.
 */
export function keepTurns(deps: TurnDeps): TurnKeeper {
  const { bus, open, readTo, schedulerId, leaseMs, log, signal, onReleased } = deps;
  let lead: Lead | undefined;
  let leading: Disposable | undefined;
  const follower = createFollower(bus.turns, { leaderId: schedulerId, leaseMs });
  let refusals = 0;
  let releasedAt = 0;
  const alarm = createAlarm(signal);

  async function follow(): Promise<void> {
    const version = await follower.look();
    if (version === undefined) return alarm.sleep(FOLLOW_MS);
    // What a former leader has released counts.
    if (!(await hasRead(version))) return;
    lead = { leaderId: schedulerId, version };
    leading = bus.turns.answer();
    log.info({ version }, 'turns_led');
  }

  function stepDown(): void {
    if (lead) log.warn({ version: lead.version }, 'turns_lost');
    leading?.[Symbol.dispose]();
    leading = undefined;
    lead = undefined;
    follower.heard();
  }

  /** False once the signal has fired. */
  async function hasRead(version: number): Promise<boolean> {
    while (!signal.aborted && (readTo() ?? 0) < version) await alarm.sleep(READ_MS);
    return !signal.aborted;
  }

  async function releaseNext(own: Lead): Promise<void> {
    const jobs = open.release(refusals > MAX_REFUSALS ? 1 : BATCH);
    if (jobs.length === 0) {
      await alarm.rings();
      return alarm.sleep(Math.max(1, releasedAt + BATCH_EVERY_MS - performance.now()));
    }
    const outcome = await bus.turns.append(own, jobs.map(requestOf));
    if (outcome.kind === 'appended') {
      lead = outcome.lead;
      releasedAt = performance.now();
      refusals = 0;
      onReleased(jobs.length);
      return;
    }
    await settle(jobs);
    if (outcome.kind === 'unknown') return alarm.sleep(AGAIN_MS);
    refusals++;
    const [only] = jobs;
    if (lead && jobs.length === 1 && only) await releaseUnread(lead, only);
  }

  /** Puts back those that the log has not moved, once all has been read that may tell of them. */
  async function settle(jobs: readonly OpenJob[]): Promise<void> {
    for (;;) {
      try {
        const { lastVersion } = await bus.jobs.reach();
        if (!(await hasRead(lastVersion))) return;
        const newest = await bus.turns.readLead();
        open.hold(jobs);
        if (newest?.leaderId === schedulerId) lead = newest;
        else stepDown();
        return;
      } catch (error) {
        if (signal.aborted) return;
        onError(error);
        await alarm.sleep(AGAIN_MS);
      }
    }
  }

  /** A job with an event that nobody can read is at another version than it seems to be. */
  async function releaseUnread(own: Lead, job: OpenJob): Promise<void> {
    const state = foldJob(await bus.jobs.read({ ...job.ref, known: job.version }));
    if (!state || isEnded(state.phase.value.status)) return open.end(job.ref.jobId, deps.now());
    if (state.version === job.version || state.phase.value.status !== 'queued') return;
    const outcome = await bus.turns.append(own, [requestOf({ ...job, version: state.version })]);
    if (outcome.kind === 'appended') lead = outcome.lead;
  }

  function requestOf({ ref, version, reason, contractId }: OpenJob) {
    const about = {
      id: randomUUIDv7(),
      jobId: ref.jobId,
      source: '/errand/scheduler',
      timeMs: deps.now(),
    } as const;
    return { ref, event: toJobEvent(dueOf(reason, contractId), about), expectedVersion: version };
  }

  function onError(error: unknown): void {
    if (!(error instanceof LogUnavailable)) log.error({ err: error }, 'turns_not_kept');
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        if (readTo() === undefined) await alarm.sleep(READ_MS);
        else if (lead) await releaseNext(lead);
        else await follow();
      } catch (error) {
        onError(error);
        await alarm.sleep(AGAIN_MS);
      }
    }
    leading?.[Symbol.dispose]();
  }

  return {
    wake: alarm.ring,
    get isLeading() {
      return lead !== undefined;
    },
    done: run(),
  };
}

/** Wakes one sleeper; a ring that nobody hears is kept for the next one. */
function createAlarm(signal: AbortSignal) {
  let bell = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => bell.resolve(), { once: true });
  return {
    ring: () => bell.resolve(),
    async rings(): Promise<void> {
      await bell.promise;
      if (!signal.aborted) bell = Promise.withResolvers<void>();
    },
    sleep: (ms: number): Promise<void> => pause(ms, undefined, { signal }).catch(() => {}),
  };
}
