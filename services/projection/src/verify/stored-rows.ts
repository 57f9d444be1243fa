import { uuidV7Floor } from '@errand/contracts';
import type { JobState } from '@errand/domain';
import { type Db, stateOfRow } from '@errand/postgres';
import { sql } from 'kysely';

/** A bucket is a minute of job ids. */
const BUCKET_MS = 60_000;
const DAY_MS = 86_400_000;

/** The rows of some jobs, by id. */
export async function readRows(db: Db, jobIds: readonly string[]): Promise<Map<string, JobState>> {
  if (jobIds.length === 0) return new Map();
  const rows = await db
    .selectFrom('job_summary')
    .selectAll()
    .where(sql<boolean>`job_id = any(${sql.val(jobIds)}::uuid[])`)
    .execute();
  return new Map(rows.map((row) => [row.job_id, stateOfRow(row)]));
}

/** How many rows there are of the jobs of each minute, by Unix time divided by a minute. */
export async function countRows(
  db: Db,
  range: { fromMs: number; untilMs: number; tenantId: string | undefined },
): Promise<Map<number, number>> {
  const counts = new Map<number, number>();
  // A day at a time: each is one partition, and no statement takes too long.
  for (let fromMs = range.fromMs; fromMs < range.untilMs; fromMs += DAY_MS) {
    const untilMs = Math.min(fromMs + DAY_MS, range.untilMs);
    const { rows } = await sql<{ bucket: number; jobs: number }>`
      select ('x' || left(translate(job_id::text, '-', ''), 12))::bit(48)::bigint / ${BUCKET_MS}::bigint as bucket,
        count(*) as jobs
      from job_summary where ${inRange({ fromMs, untilMs, tenantId: range.tenantId })}
      group by 1`.execute(db);
    for (const { bucket, jobs } of rows) counts.set(bucket, (counts.get(bucket) ?? 0) + jobs);
  }
  return counts;
}

export function bucketOf(timeMs: number): number {
  return Math.floor(timeMs / BUCKET_MS);
}

/** The jobs of one bucket that have a row, at most `limit` of them. */
export async function readBucket(
  db: Db,
  bucket: number,
  { tenantId, limit }: { tenantId: string | undefined; limit: number },
): Promise<{ tenantId: string; action: string; jobId: string }[]> {
  const fromMs = bucket * BUCKET_MS;
  const { rows } = await sql<{ tenantId: string; action: string; jobId: string }>`
    select tenant_id as "tenantId", action, job_id as "jobId" from job_summary
    where ${inRange({ fromMs, untilMs: fromMs + BUCKET_MS, tenantId })}
    order by job_id limit ${limit}`.execute(db);
  return rows;
}

function inRange(range: { fromMs: number; untilMs: number; tenantId: string | undefined }) {
  const { fromMs, untilMs, tenantId } = range;
  const ofTenant = tenantId === undefined ? sql`true` : sql`tenant_id = ${tenantId}`;
  return sql`job_id >= ${uuidV7Floor(fromMs)}::uuid and job_id < ${uuidV7Floor(untilMs)}::uuid and ${ofTenant}`;
}
