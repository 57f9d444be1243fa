import { JOB_ENDINGS, type RecordedEvent } from '@errand/contracts';
import { foldJob } from '@errand/domain';
import type { Db } from '@errand/postgres';
import { sql } from 'kysely';

/* Test-only: what jobs must count as, said a second time without SQL, and what the tables have. */

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** The same log-scaled bins, counted up from below. */
function binOf(ms: number): number {
  let bin = 0;
  for (let power = 1; power <= 2 ** 26; power *= 2) {
    if (ms >= power) bin++;
    if (power > 1 && ms >= power * 1.5) bin++;
  }
  return bin;
}

export interface Counted {
  /** Jobs by `tenant at action fact bin`. */
  readonly stats: Record<string, number>;
  readonly failures: Record<string, { jobs: number; first: string; last: string; sample: string }>;
}

/** `hoursBefore`: minutes before this time are counted in their hours, Unix milliseconds. */
export function countJobs(jobs: Iterable<readonly RecordedEvent[]>, hoursBefore = 0): Counted {
  const stats: Counted['stats'] = {};
  const failures: Counted['failures'] = {};
  const bucketOf = (time: string) => {
    const ms = Date.parse(time);
    const size = ms < hoursBefore ? HOUR_MS : MINUTE_MS;
    return new Date(Math.floor(ms / size) * size).toISOString();
  };
  for (const events of jobs) {
    const state = foldJob(events);
    if (!state) continue;
    const { tenantId, action, jobId } = state;
    const count = (time: string, fact: string, bin: number) => {
      const key = [tenantId, bucketOf(time), action, fact, bin].join(' ');
      stats[key] = (stats[key] ?? 0) + 1;
    };
    const request = state.request.value;
    if (request) count(request.requestedAt, 'requested', 0);
    const [first] = events.flatMap(startsOf).sort((a, b) => a - b);
    if (request && first !== undefined) {
      const readyMs = Math.max(
        Date.parse(request.requestedAt),
        Date.parse(request.data.start_after ?? '') || 0,
      );
      count(new Date(first).toISOString(), 'started', binOf(first - readyMs));
    }
    const { status, finishedAt } = state.phase.value;
    if (!finishedAt || !status) continue;
    count(finishedAt, status, first === undefined ? -1 : binOf(Date.parse(finishedAt) - first));
    const [error] = state.outcome.value.errors;
    if (status !== JOB_ENDINGS.JobFailed || !error) continue;
    // Postgres holds no NUL.
    const code = error.code.replaceAll('\0', '\ufffd');
    const key = [tenantId, bucketOf(finishedAt), action, code].join(' ');
    const known = failures[key];
    const isLast = !known || [finishedAt, jobId].join() > [known.last, known.sample].join();
    failures[key] = {
      jobs: (known?.jobs ?? 0) + 1,
      first: known && known.first < finishedAt ? known.first : finishedAt,
      last: isLast ? finishedAt : known.last,
      sample: isLast ? jobId : known.sample,
    };
  }
  return { stats, failures };
}

function startsOf({ event }: RecordedEvent): number[] {
  if (event.type === 'JobStarted') return [Date.parse(event.time)];
  return event.type === 'JobCarried' && event.data.started_at ? [Date.parse(event.data.started_at)] : [];
}

export async function readCounted(db: Db): Promise<Counted> {
  const stats = await db.selectFrom('job_stats').selectAll().where('jobs', '<>', 0).execute();
  const failures = await db.selectFrom('job_failures').selectAll().where('jobs', '<>', 0).execute();
  return {
    stats: Object.fromEntries(
      stats.map((row) => [
        [row.tenant_id, row.at.toISOString(), row.action, row.fact, row.bin].join(' '),
        row.jobs,
      ]),
    ),
    failures: Object.fromEntries(
      failures.map((row) => [
        [row.tenant_id, row.at.toISOString(), row.action, row.code].join(' '),
        {
          jobs: row.jobs,
          first: row.first_seen.toISOString(),
          last: row.last_seen.toISOString(),
          sample: row.sample_job_id,
        },
      ]),
    ),
  };
}

/** Both tables, byte by byte, in the order of their keys. */
export async function textOfTables(db: Db): Promise<string[]> {
  const { rows } = await sql<{ text: string }>`
    select text from (select s::text as text from job_stats s union all select f::text from job_failures f) as rows
    order by text`.execute(db);
  return rows.map(({ text }) => text);
}
