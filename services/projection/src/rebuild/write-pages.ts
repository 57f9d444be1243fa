import { type RecordedEvent, uuidV7TimeMs } from '@errand/contracts';
import { expiresAtMs } from '@errand/domain';
import { createDailyPartitions, type Db, type DbSession, type ProjectedJob } from '@errand/postgres';
import { sql } from 'kysely';
import { copyNewJobs, mergeByCopy } from '../live/job-rows.ts';
import { isRefusal } from '../live/on-job-events.ts';
import { evolveProjected } from '../live/projected-job.ts';
import type { GatheredJobs } from './gather-jobs.ts';

export interface PageWriter {
  /** From now on what is written changes the new statistics too, which must be what the new table's rows count as. */
  beginCounting(): void;
  /**
   * Folds events into the new table and calls `record` in the same transaction, with how many of them Postgres refuses
   * for good: these are left out.
   */
  write(events: readonly RecordedEvent[], record: (trx: Db, refused: number) => Promise<void>): Promise<void>;
  /**
   * Writes jobs that have no row yet, and merges what is known of others, in one transaction with what `record` does.
   * @throws the refusal of Postgres, of any of them; see `isRefusal`
   */
  writeJobs(jobs: Pick<GatheredJobs, 'fresh' | 'later'>, record: (trx: Db) => Promise<void>): Promise<void>;
  /** The same as `write` in a transaction of the caller's, who holds the lock of partitions; a refusal is thrown. */
  writeWithin(trx: Db, events: readonly RecordedEvent[]): Promise<void>;
}

/** Events of jobs whose summary has expired are passed over. */
export function createPageWriter(session: DbSession, now: () => number): PageWriter {
  const partitions = createDailyPartitions(session.db, 'job_summary_rebuild');
  let counts = false;

  async function writeJobs(
    { fresh, later }: Pick<GatheredJobs, 'fresh' | 'later'>,
    record: (trx: Db) => Promise<void>,
  ): Promise<void> {
    await partitions.ensureFor([...fresh.ids, ...later.map(({ jobId }) => jobId)]);
    await session.db.transaction().execute(async (trx) => {
      // What a crash of Postgres takes, it takes together with the place up to which it was written.
      await sql`set local synchronous_commit = off`.execute(trx);
      await copyNewJobs(session, fresh.lines);
      await mergeByCopy(session, trx, { jobs: later, counts });
      await record(trx);
    });
  }
  const merge = (later: ProjectedJob[], record: (trx: Db) => Promise<void>) =>
    writeJobs({ fresh: { ids: [], lines: [] }, later }, record);

  /** Writes what Postgres takes; resolves with how many events it does not. A merge may be repeated. */
  async function mergeWhatFits(events: readonly RecordedEvent[]): Promise<number> {
    try {
      await merge(fold(events, now()), async () => {});
      return 0;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (events.length === 1) return 1;
      const half = Math.ceil(events.length / 2);
      return (await mergeWhatFits(events.slice(0, half))) + (await mergeWhatFits(events.slice(half)));
    }
  }

  return {
    beginCounting() {
      counts = true;
    },
    writeJobs,
    async write(events, record) {
      try {
        await merge(fold(events, now()), (trx) => record(trx, 0));
      } catch (error) {
        if (!isRefusal(error)) throw error;
        const refused = await mergeWhatFits(events);
        await merge([], (trx) => record(trx, refused));
      }
    },
    async writeWithin(trx, events) {
      const jobs = fold(events, now());
      await partitions.ensureWithin(
        trx,
        jobs.map(({ jobId }) => jobId),
      );
      await mergeByCopy(session, trx, { jobs, counts });
    },
  };
}

/** What each job is known to be after these events, sorted by job, so that rows go to neighbouring places. */
function fold(events: readonly RecordedEvent[], nowMs: number): ProjectedJob[] {
  const jobs = new Map<string, ProjectedJob>();
  for (const recorded of events) {
    const { jobId } = recorded.ref;
    const known = jobs.get(jobId);
    if (known === undefined && expiresAtMs(uuidV7TimeMs(jobId)) <= nowMs) continue;
    jobs.set(jobId, evolveProjected(known, recorded));
  }
  return [...jobs.values()].sort((a, b) => (a.jobId < b.jobId ? -1 : 1));
}
