import {
  copyLine,
  createDailyPartitions,
  createJobSummaryIndexes,
  createJobSummaryTable,
  type Db,
  type DbSession,
  JOB_SUMMARY_COLUMN_NAMES,
  openSession,
  rowOfState,
  stateOfRow,
} from '@errand/postgres';
import { sql } from 'kysely';
import { round } from './percentile.ts';

/** Empty by now; its name is one for which partitions can be created. */
const TABLE = 'job_summary_rebuild';
const PAGE = 5_000;

export interface CopyFigures {
  rows: number;
  /** Into a table that already has its indexes. */
  seconds: number;
  /** Into one whose indexes are created afterwards. */
  seconds_indexes_after: number;
}

/** How long Postgres takes to COPY job_summary's rows into an empty table like it, in one transaction. */
export async function copyRows(databaseUrl: string, db: Db): Promise<CopyFigures> {
  await using session = await openSession({ url: databaseUrl, name: 'bench' });
  const pages = await readPages(db);
  const rows = pages.reduce((sum, { ids }) => sum + ids.length, 0);
  const seconds = await copy(session, pages, 'indexes first');
  const after = await copy(session, pages, 'rows first');
  return { rows, seconds: round(seconds, 1), seconds_indexes_after: round(after, 1) };
}

interface Page {
  ids: string[];
  lines: string;
}

async function readPages(db: Db): Promise<Page[]> {
  const pages: Page[] = [];
  for (let after: string | undefined; ; ) {
    let query = db.selectFrom('job_summary').selectAll().orderBy('job_id').limit(PAGE);
    if (after !== undefined) query = query.where('job_id', '>', after);
    const rows = await query.execute();
    const lines = rows.map((row) => {
      const stored = rowOfState(stateOfRow(row));
      return copyLine(JOB_SUMMARY_COLUMN_NAMES.map((column) => stored[column]));
    });
    pages.push({ ids: rows.map((row) => row.job_id), lines: lines.join('') });
    after = rows.at(-1)?.job_id;
    if (rows.length < PAGE || after === undefined) return pages;
  }
}

async function copy(
  { db, copyInto }: DbSession,
  pages: readonly Page[],
  order: 'indexes first' | 'rows first',
): Promise<number> {
  await createJobSummaryTable(db, TABLE);
  try {
    const partitions = createDailyPartitions(db, TABLE);
    for (const { ids } of pages) await partitions.ensureFor(ids);
    const beganAt = performance.now();
    if (order === 'indexes first') await createJobSummaryIndexes(db, TABLE);
    await db.transaction().execute(async () => {
      for (const { lines } of pages) await copyInto(TABLE, JOB_SUMMARY_COLUMN_NAMES, lines);
    });
    if (order === 'rows first') await createJobSummaryIndexes(db, TABLE);
    return (performance.now() - beganAt) / 1_000;
  } finally {
    await sql`drop table ${sql.table(TABLE)}`.execute(db);
  }
}
