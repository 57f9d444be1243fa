import type { JobRef } from '@errand/contracts';
import {
  copyLine,
  type Db,
  type DbSession,
  JOB_SUMMARY_COLUMN_NAMES,
  jobSummaryColumns,
  type ProjectedJob,
  rowOfState,
} from '@errand/postgres';
import { type RawBuilder, sql } from 'kysely';
import { countMerged, RETURN_MERGED } from '../stats/stat-rows.ts';

/*
 * The fold of libs/domain, once more, as SQL: a register is a group of columns with the version of the event
 * that set it, and is replaced by a newer one only. So rows may be written in any order, twice, and by
 * several processes at once, and come out the same. Rows are sorted by job, so that two writers never wait for each
 * other's.
 *
 * What a row counts as follows from the row alone. So the same statement takes what the row was from the statistics and
 * puts in what it is, and an event that comes again changes neither. A row is returned as it was when it was locked, so this
 * holds whoever else writes.
 */

const COLUMNS = JOB_SUMMARY_COLUMN_NAMES;
const UPDATE = updateStatement();

/**
 * Merges what is known of any number of jobs into the table and counts it, in one statement. Each job at most once. With `moving`, a
 * statement that returns a row or none, nothing is written where that returns none, and the result is false.
 */
export async function mergeJobSummaries(
  db: Db,
  states: readonly ProjectedJob[],
  moving: RawBuilder<unknown> = sql`select true`,
): Promise<boolean> {
  const rows = states.map(rowOfState);
  const arrays = jobSummaryColumns().map(([column, { type }]) => {
    // JSON travels as text and is cast: Postgres then keeps it as it is, \u0000 and all.
    const values = rows.map((row) => row[column]);
    return sql`${sql.val(values)}::${sql.raw(type === 'json' ? 'text' : type)}[]`;
  });
  const fresh = jobSummaryColumns().map(([column, { type }]) => `${column}::${type}`);
  const moved = await sql`
    with moved as (${moving}), merged as (
      insert into job_summary as old (${sql.raw(COLUMNS.join())})
      select ${sql.raw(fresh.join())} from unnest(${sql.join(arrays)}) as fresh (${sql.raw(COLUMNS.join())})
      where exists (select from moved)
      order by job_id
      on conflict (job_id) do update set ${sql.raw(UPDATE)}
      ${RETURN_MERGED}), ${countMerged('')}
    select from moved`.execute(db);
  return moved.rows.length > 0;
}

const NEW_TABLE = 'job_summary_rebuild';
/** Where rows wait for their merge. It belongs to a session and is empty after each transaction. */
const PAGE_TABLE = 'job_summary_page';

export async function createPageTable(db: Db): Promise<void> {
  await sql`
    create temporary table ${sql.table(PAGE_TABLE)} (like ${sql.table(NEW_TABLE)})
    on commit delete rows`.execute(db);
}

/**
 * The same merge for thousands of jobs, into the table of a rebuild, and into its statistics if they are there already.
 * `trx` is the session's open transaction.
 */
export async function mergeByCopy(
  { copyInto }: Pick<DbSession, 'copyInto'>,
  trx: Db,
  { jobs, counts }: { jobs: readonly ProjectedJob[]; counts: boolean },
): Promise<void> {
  if (jobs.length === 0) return;
  await copyInto(PAGE_TABLE, COLUMNS, jobs.map(summaryLine).join(''));
  const merge = sql`
    insert into ${sql.table(NEW_TABLE)} as old (${sql.raw(COLUMNS.join())})
    select ${sql.raw(COLUMNS.join())} from ${sql.table(PAGE_TABLE)}
    order by job_id
    on conflict (job_id) do update set ${sql.raw(UPDATE)}`;
  const counted = sql`with merged as (${merge} ${RETURN_MERGED}), ${countMerged('_rebuild')} select`;
  await (counts ? counted : merge).execute(trx);
  await sql`truncate ${sql.table(PAGE_TABLE)}`.execute(trx);
}

/** Lines of jobs that have no row in the table of a rebuild yet, in the session's open transaction. Refused if one has. */
export async function copyNewJobs(
  { copyInto }: Pick<DbSession, 'copyInto'>,
  lines: readonly string[],
): Promise<void> {
  if (lines.length > 0) await copyInto(NEW_TABLE, COLUMNS, lines.join(''));
}

/** A row in COPY's text format. */
export function summaryLine(state: ProjectedJob): string {
  const row = rowOfState(state);
  return copyLine(COLUMNS.map((column) => row[column]));
}

/**
 * Jobs that have not ended, as far as the table knows, whose newest event lies below a version and whose `finish_by` has
 * passed. Drawn at random, so that jobs which cannot be expired never hide the others.
 */
export async function findOverdueBelow(
  db: Db,
  wanted: { version: number; nowMs: number; limit: number },
): Promise<JobRef[]> {
  // Deadlines are RFC 3339 text of one length, so they sort as the times that they are.
  const now = new Date(wanted.nowMs).toISOString();
  const { rows } = await sql<{ tenant_id: string; action: string; job_id: string }>`
    select tenant_id, action, job_id from job_summary
    where status in ('queued', 'running') and (request->>'finish_by') <= ${now} and version < ${wanted.version}
    order by random() limit ${wanted.limit}`.execute(db);
  return rows.map(({ tenant_id: tenantId, action, job_id: jobId }) => ({ tenantId, action, jobId }));
}

/** Each register is replaced by a newer one, and its version with it. What is to stay the earliest only becomes earlier. */
function updateStatement(): string {
  const versions = new Set<string>();
  const earliest = jobSummaryColumns().flatMap(([column, about]) => (about.earliest ? [column] : []));
  const merged = jobSummaryColumns().flatMap(([column, { setBy }]) => {
    if (setBy === undefined) return [];
    versions.add(setBy);
    return `${column} = case when excluded.${setBy} > old.${setBy} then excluded.${column} else old.${column} end`;
  });
  const newest = [...versions].map((each) => `${each} = greatest(old.${each}, excluded.${each})`);
  const first = earliest.map((each) => `${each} = least(old.${each}, excluded.${each})`);
  const changes = [
    ...[...versions].map((each) => `excluded.${each} > old.${each}`),
    ...earliest.map((each) => `excluded.${each} < coalesce(old.${each}, 'infinity')`),
  ];
  return `${[...newest, ...merged, ...first].join(', ')} where ${changes.join(' or ')}`;
}
