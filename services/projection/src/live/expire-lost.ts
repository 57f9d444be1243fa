import { randomUUIDv7 } from 'node:crypto';
import { type Bus, LogUnavailable } from '@errand/bus';
import { type JobRef, toJobEvent } from '@errand/contracts';
import type { Db } from '@errand/postgres';
import type { Logger } from '@errand/runtime';
import { findOverdueBelow } from './job-rows.ts';

interface ExpiryDeps {
  readonly db: Db;
  readonly bus: { readonly jobs: Pick<Bus['jobs'], 'append' | 'reach'> };
  /** Unix milliseconds by the clock of the log's server. */
  readonly now: () => Promise<number>;
  readonly log: Pick<Logger, 'warn'>;
}

const PAGE = 200;

/**
 * Ends the jobs of a log that was lost, once their deadlines have passed: they are known from their rows alone, and
 * nobody will run them. Others are the scheduler's. Resolves with how many it has ended.
 * @throws LogUnavailable; the errors of Postgres
 */
export async function expireLost({ db, bus, now, log }: ExpiryDeps): Promise<number> {
  const { beganAt } = await bus.jobs.reach();
  const nowMs = await now();
  const lost = await findOverdueBelow(db, { version: beganAt, nowMs, limit: PAGE });
  const expired = await Promise.all(lost.map((ref) => expire(ref, { bus, nowMs, log })));
  return expired.filter(Boolean).length;
}

async function expire(
  ref: JobRef,
  { bus, nowMs, log }: Pick<ExpiryDeps, 'bus' | 'log'> & { nowMs: number },
): Promise<boolean> {
  try {
    const event = toJobEvent(
      { type: 'JobExpired', data: { deadline: 'finish_by' } },
      { id: randomUUIDv7(), jobId: ref.jobId, source: '/errand/projection', timeMs: nowMs },
    );
    return (await bus.jobs.append({ ref, event, expectedVersion: 0 })).kind === 'appended';
  } catch (err) {
    if (!(err instanceof LogUnavailable)) log.warn({ err, job_id: ref.jobId }, 'job_not_expired');
    return false;
  }
}
