import { DURATION_BOUNDS_MS, NEVER_STARTED } from '@errand/postgres';
import { type RawBuilder, sql } from 'kysely';

/*
 * What jobs count as in job_stats and job_failures. It follows from a job's row: the minute of its request, that of its
 * first attempt with how long it had waited, and that of its end with how long it had run. The statistics are the sum over all
 * rows, whether it is made from all of them or changed by what each of them was and is.
 */

type Suffix = '' | '_rebuild';

const COUNTED = ['created_at', 'ready_at', 'first_started_at', 'status', 'finished_at', 'error_code'];
const AS_IT_IS = sql.raw(COUNTED.join());
const AS_IT_WAS = sql.raw(COUNTED.map((column) => `was_${column}`).join());
const BOUNDS = sql.raw(`'{${DURATION_BOUNDS_MS.join()}}'::bigint[]`);
const EPOCH = sql.raw(`timestamptz '1970-01-01T00:00:00Z'`);

/** The beginning of the minute, in every time zone. */
export const minuteOf = (at: RawBuilder<unknown>) => sql`date_bin('1 minute', ${at}, ${EPOCH})`;
export const hourOf = (at: RawBuilder<unknown>) => sql`date_bin('1 hour', ${at}, ${EPOCH})`;

/** Ends a statement that merges rows: what they are and were. The latter is null for a row that is new. */
export const RETURN_MERGED = sql.raw(`
  returning with (old as was, new as is_now) is_now.job_id, is_now.tenant_id, is_now.action,
    was.job_id is not null as existed, ${COUNTED.map((each) => `is_now.${each}, was.${each} as was_${each}`).join()}`);

/** Counts what the rows of `merged` have become, as further parts of the statement. */
export function countMerged(suffix: Suffix): RawBuilder<unknown> {
  const changed = sql`changed`;
  return sql`
    changed as (
      select 1 as sign, job_id, tenant_id, action, ${AS_IT_IS} from merged
      union all
      select -1, job_id, tenant_id, action, ${AS_IT_WAS} from merged where existed),
    counted as (${addStats(suffix, statsOf(changed, minuteOf))}),
    failed as (${addFailures(suffix, failuresOf(changed, minuteOf))})`;
}

type BucketOf = (at: RawBuilder<unknown>) => RawBuilder<unknown>;
const ALWAYS = sql`timestamptz '-infinity'`;

/** `rows` have the columns that count, and a `sign`, 1 or -1. What lies before `since` is left out. */
export function statsOf(rows: RawBuilder<unknown>, bucketOf: BucketOf, since = ALWAYS): RawBuilder<unknown> {
  return sql`
    select tenant_id, ${bucketOf(sql`fact.at`)}, action, fact.name, fact.bin, sum(sign)
    from ${rows} as job cross join lateral (values
      (created_at, 'requested', 0),
      (case when ready_at is not null then first_started_at end, 'started', ${binOf(sql`first_started_at - ready_at`)}),
      (finished_at, status, coalesce(${binOf(sql`finished_at - first_started_at`)}, ${sql.lit(NEVER_STARTED)}))
    ) as fact (at, name, bin)
    where fact.at >= ${since} and fact.name is not null
    group by 1, 2, 3, 4, 5 having sum(sign) <> 0 order by 1, 2, 3, 4, 5`;
}

export function failuresOf(
  rows: RawBuilder<unknown>,
  bucketOf: BucketOf,
  since = ALWAYS,
): RawBuilder<unknown> {
  return sql`
    select tenant_id, ${bucketOf(sql`finished_at`)}, action, error_code, sum(sign), min(finished_at), max(finished_at),
      (array_agg(job_id order by finished_at desc, job_id desc))[1]
    from ${rows} as job
    where status = 'failed' and error_code is not null and finished_at >= ${since}
    group by 1, 2, 3, 4 having sum(sign) <> 0 order by 1, 2, 3, 4`;
}

export function addStats(suffix: Suffix, counts: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`
    insert into ${sql.table(`job_stats${suffix}`)} as kept (tenant_id, at, action, fact, bin, jobs) ${counts}
    on conflict (tenant_id, at, action, fact, bin) do update set jobs = kept.jobs + excluded.jobs`;
}

export function addFailures(suffix: Suffix, counts: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`
    insert into ${sql.table(`job_failures${suffix}`)} as kept
      (tenant_id, at, action, code, jobs, first_seen, last_seen, sample_job_id) ${counts}
    on conflict (tenant_id, at, action, code) do update set
      jobs = kept.jobs + excluded.jobs,
      first_seen = least(kept.first_seen, excluded.first_seen),
      last_seen = greatest(kept.last_seen, excluded.last_seen),
      sample_job_id = case
        when (excluded.last_seen, excluded.sample_job_id) > (kept.last_seen, kept.sample_job_id)
        then excluded.sample_job_id else kept.sample_job_id end`;
}

/** The bin of an interval; the first one for a negative, null for none. */
function binOf(interval: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`width_bucket((extract(epoch from ${interval}) * 1000)::bigint, ${BOUNDS})`;
}
