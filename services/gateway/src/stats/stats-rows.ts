import type { JobStatus } from '@errand/contracts';
import { uuidV7Floor } from '@errand/contracts';
import type { Db, JobStatsTable } from '@errand/postgres';
import type { Logger } from '@errand/runtime';
import { type RawBuilder, sql } from 'kysely';
import { refuseForDatabase } from '../jobs/database-failure.ts';
import type { StatsQuery } from './stats-query.ts';

/** Jobs of an action that have not ended. */
interface OpenJobs {
  readonly action: string;
  readonly status: JobStatus;
  readonly jobs: number;
  /** Of queued jobs: when the oldest one was requested. */
  readonly oldest: Date | null;
}

/** How many jobs did something in a step. */
export interface StepCount extends Pick<JobStatsTable, 'fact' | 'bin' | 'jobs'> {
  readonly at: Date;
}

interface Failures {
  readonly action: string;
  readonly code: string;
  /** In the range; the times are of all that is kept. */
  readonly jobs: number;
  readonly firstSeen: Date;
  readonly lastSeen: Date;
  /** The last one of the range, and what its error says; null once its summary has expired. */
  readonly sampleJobId: string;
  readonly message: string | null;
}

export interface StoredStats {
  readonly open: readonly OpenJobs[];
  readonly counts: readonly StepCount[];
  /** The most frequent ones first. */
  readonly failures: readonly Failures[];
}

export interface StatsTables {
  /** One statement after the other, so that it takes one connection. @throws Refusal database_unavailable */
  read(tenantId: string, query: StatsQuery): Promise<StoredStats>;
}

const MAX_FAILURES = 50;

export function createStatsTables(db: Db, log: Logger): StatsTables {
  return {
    async read(tenantId, query) {
      try {
        const open = await readOpen(db, tenantId, query);
        const counts = await readCounts(db, tenantId, query);
        return { open, counts, failures: await readFailures(db, tenantId, query) };
      } catch (err) {
        return refuseForDatabase(err, log, 'stats_failed');
      }
    },
  };
}

/** An index holds the jobs that have not ended, in this order. */
async function readOpen(
  db: Db,
  tenantId: string,
  { actions, keptSinceMs }: StatsQuery,
): Promise<readonly OpenJobs[]> {
  const fromId = uuidV7Floor(keptSinceMs);
  const { rows } = await sql<OpenJobs>`
    select action, status, jobs, (
      select created_at from job_summary oldest
      where tenant_id = ${tenantId} and oldest.action = open.action and oldest.status = open.status
        and status = 'queued' and job_id >= ${fromId}
      order by job_id limit 1
    ) as oldest
    from (
      select action, status, count(*) as jobs from job_summary
      where tenant_id = ${tenantId} and status in ('queued', 'running') and job_id >= ${fromId} ${anyOf(actions)}
      group by action, status
    ) as open order by action, status`.execute(db);
  return rows;
}

async function readCounts(
  db: Db,
  tenantId: string,
  { step, fromMs, toMs, actions }: StatsQuery,
): Promise<readonly StepCount[]> {
  const { rows } = await sql<StepCount>`
    select date_bin(${`1 ${step}`}::interval, stats.at, timestamptz '1970-01-01T00:00:00Z') as at,
      fact, bin, sum(jobs)::bigint as jobs
    from job_stats as stats
    where tenant_id = ${tenantId} and at >= ${time(fromMs)} and at < ${time(toMs)} ${anyOf(actions)}
    group by 1, fact, bin having sum(jobs) <> 0`.execute(db);
  return rows;
}

async function readFailures(
  db: Db,
  tenantId: string,
  { fromMs, toMs, keptSinceMs, actions }: StatsQuery,
): Promise<readonly Failures[]> {
  const { rows } = await sql<Omit<Failures, 'message'>>`
    with asked as (
      select action, code, sum(jobs)::bigint as jobs,
        (array_agg(sample_job_id order by last_seen desc, sample_job_id desc))[1] as "sampleJobId"
      from job_failures
      where tenant_id = ${tenantId} and at >= ${time(fromMs)} and at < ${time(toMs)} ${anyOf(actions)}
      group by action, code having sum(jobs) > 0
      order by jobs desc, action, code limit ${MAX_FAILURES}
    )
    select asked.*, "firstSeen", "lastSeen"
    from asked join (
      select action, code, min(first_seen) as "firstSeen", max(last_seen) as "lastSeen" from job_failures
      where tenant_id = ${tenantId} and jobs > 0 and at >= ${time(Math.min(keptSinceMs, fromMs))}
      group by action, code
    ) as kept using (action, code)
    order by jobs desc, action, code`.execute(db);
  if (rows.length === 0) return [];
  const ids = rows.map(({ sampleJobId }) => sampleJobId);
  const samples = await db
    .selectFrom('job_summary')
    .select(['job_id', 'errors'])
    .where('job_id', 'in', ids)
    .execute();
  const messages = new Map(samples.map(({ job_id, errors }) => [job_id, errors[0]?.message]));
  return rows.map((row) => ({ ...row, message: messages.get(row.sampleJobId) ?? null }));
}

function anyOf(actions: readonly string[] | undefined): RawBuilder<unknown> {
  return actions ? sql`and action = any(${sql.val(actions)}::text[])` : sql``;
}

function time(ms: number): RawBuilder<unknown> {
  return sql`${new Date(ms).toISOString()}::timestamptz`;
}
