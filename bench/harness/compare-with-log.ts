import { hash } from 'node:crypto';
import type { Bus } from '@errand/bus';
import { evolve, isEnded, type JobState } from '@errand/domain';
import { type Db, rowOfState, stateOfRow } from '@errand/postgres';

const PAGE = 5_000;

/**
 * Folds the log independently and compares each job's row with the outcome, byte by byte. For an ended job only a hash
 * is kept, so memory follows the number of jobs open at a time. The log must be at rest.
 */
export async function compareWithLog(
  bus: { readonly jobs: Pick<Bus['jobs'], 'readAll'> },
  db: Db,
): Promise<{ jobs: number; differing: number }> {
  const expected = await digestsOfLog(bus);
  let differing = 0;
  let belowId: string | undefined;
  const jobs = expected.size;
  for (;;) {
    let query = db.selectFrom('job_summary').selectAll().orderBy('job_id', 'desc').limit(PAGE);
    if (belowId !== undefined) query = query.where('job_id', '<', belowId);
    const rows = await query.execute();
    for (const row of rows) {
      if (expected.get(row.job_id) !== digestOf(stateOfRow(row))) differing++;
      expected.delete(row.job_id);
    }
    belowId = rows.at(-1)?.job_id;
    // What is left has no row.
    if (rows.length < PAGE) return { jobs, differing: differing + expected.size };
  }
}

async function digestsOfLog(bus: {
  readonly jobs: Pick<Bus['jobs'], 'readAll'>;
}): Promise<Map<string, string>> {
  const open = new Map<string, JobState>();
  const digests = new Map<string, string>();
  for await (const page of bus.jobs.readAll({ afterVersion: 0, pageSize: PAGE })) {
    for (const decoded of page.decoded) {
      if (decoded.kind !== 'event') throw new Error(decoded.reason);
      const { jobId } = decoded.recorded.ref;
      if (digests.has(jobId)) throw new Error('an event behind the end of its job');
      const state = evolve(open.get(jobId), decoded.recorded);
      if (isEnded(state.phase.value.status)) {
        open.delete(jobId);
        digests.set(jobId, digestOf(state));
      } else open.set(jobId, state);
    }
  }
  for (const [jobId, state] of open) digests.set(jobId, digestOf(state));
  return digests;
}

function digestOf(state: JobState): string {
  return hash('sha256', JSON.stringify(rowOfState(state)), 'base64');
}
