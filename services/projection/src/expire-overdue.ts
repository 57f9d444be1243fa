import { randomUUIDv7 } from 'node:crypto';
import { type Bus, LogUnavailable } from '@errand/bus';
import { type JobFact, PROJECTION_CONSUMER, toJobEvent } from '@errand/contracts';
import { decide, foldJob, type JobState } from '@errand/domain';
import type { Db } from '@errand/postgres';
import type { Logger } from '@errand/runtime';
import type { Deadlines, OpenJob } from './deadlines.ts';
import { findOpen, findOverdue } from './job-summary-table.ts';

interface ExpiryDeps {
  readonly db: Db;
  readonly bus: Pick<Bus, 'append' | 'readJob' | 'readLog' | 'logReach' | 'standingOf'>;
  readonly deadlines: Deadlines;
  /** Unix milliseconds by the clock of the log's server, for all processes alike. */
  readonly now: () => Promise<number>;
  readonly log: Pick<Logger, 'warn'>;
}

/** Each resolves with how many jobs it has ended. */
export interface Expiry {
  /** Asks the table. @throws LogUnavailable; the errors of Postgres */
  byTable(): Promise<number>;
  /** Asks the log, once the table has been silent for a while. @throws LogUnavailable */
  byLog(): Promise<number>;
}

const PAGE = 200;
/** How many jobs with the nearest deadlines are known for the time in which the table cannot be asked. */
const MAX_KNOWN = 50_000;
/** How often the table is asked for them. */
const ASK_FOR_KNOWN_MS = 15_000;
const PATIENCE_MS = 2_000;

/**
 * Ends the jobs whose `start_by` or `finish_by` has passed, whether an executor is alive or not. The table says which
 * may be overdue, or, while it does not answer, what it said before and the log; the log says which are. Several
 * processes may do this at once, and one of them writes.
 */
export function createExpiry({ db, bus, deadlines, now, log }: ExpiryDeps): Expiry {
  let answeredAt = performance.now();
  let knownAt = Number.NEGATIVE_INFINITY;

  async function expireAll(jobs: readonly OpenJob[]): Promise<number> {
    const nowMs = await now();
    let expired = 0;
    const expiring = jobs.map(async (job) => {
      try {
        if (await expire(job, { bus, nowMs })) expired++;
        deadlines.forget(job.ref.jobId);
      } catch (err) {
        if (!(err instanceof LogUnavailable)) log.warn({ err, job_id: job.ref.jobId }, 'job_not_expired');
      }
    });
    await Promise.all(expiring);
    return expired;
  }

  async function readKnown(): Promise<void> {
    if (performance.now() - knownAt < ASK_FOR_KNOWN_MS) return;
    // Whatever the projection has settled by now is in what the table is about to say.
    const standing = await bus.standingOf(PROJECTION_CONSUMER);
    deadlines.reset(await findOpen(db, MAX_KNOWN), standing?.ackFloor ?? 0);
    knownAt = performance.now();
  }

  return {
    async byTable() {
      const overdue = await findOverdue(db, { nowMs: await now(), limit: PAGE });
      answeredAt = performance.now();
      await readKnown();
      return expireAll(overdue);
    },
    async byLog() {
      if (performance.now() - answeredAt < PATIENCE_MS) return 0;
      await deadlines.readOn(bus);
      return expireAll(deadlines.overdue(await now()).slice(0, PAGE));
    },
  };
}

/** False for a job that has ended or is not overdue, and after a lost race. */
async function expire(
  { ref, version }: OpenJob,
  { bus, nowMs }: { bus: ExpiryDeps['bus']; nowMs: number },
): Promise<boolean> {
  const events = await bus.readJob(ref);
  const state = foldJob(events);
  const fact = state ? expiryOf(state, nowMs) : await expiryOfLost(bus, version);
  if (!fact) return false;
  const request = events.find(({ event }) => event.type === 'JobRequested');
  const event = toJobEvent(fact, {
    id: randomUUIDv7(),
    jobId: ref.jobId,
    source: '/errand/projection',
    timeMs: nowMs,
    traceparent: request?.event.traceparent,
  });
  const outcome = await bus.append({ ref, event, expectedVersion: state?.version ?? 0 });
  return outcome.kind === 'appended';
}

function expiryOf(state: JobState, nowMs: number): JobFact | undefined {
  const decision = decide({ type: 'expireJob', nowMs }, state);
  return decision.kind === 'fact' ? decision.fact : undefined;
}

/** A job of a log that was lost is known from its row alone: nobody will run it, and it is told to have expired. */
async function expiryOfLost(bus: ExpiryDeps['bus'], version: number): Promise<JobFact | undefined> {
  const { beganAt } = await bus.logReach();
  return version < beganAt ? { type: 'JobExpired', data: { deadline: 'finish_by' } } : undefined;
}
