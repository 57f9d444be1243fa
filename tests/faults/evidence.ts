import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Bus } from '@errand/bus';
import { JobSummary, type RecordedEvent } from '@errand/contracts';
import { foldJob, isEnded, type JobState } from '@errand/domain';
import { type Db, stateOfRow } from '@errand/postgres';
import { readWholeLog } from '../e2e/read-log.ts';
import type { Client } from './client.ts';

const PAUSE_MS = 500;
const READERS = 8;

export type Log = ReadonlyMap<string, readonly RecordedEvent[]>;

/** Counts the jobs of the read model that have ended or not; undefined while Postgres does not answer. */
export async function countRows(db: Db): Promise<{ ended: number; open: number } | undefined> {
  try {
    const rows = await db
      .selectFrom('job_summary')
      .select((eb) => ['status', eb.fn.countAll<number>().as('jobs')])
      .groupBy('status')
      .execute();
    const jobsOf = (ended: boolean) =>
      rows.filter(({ status }) => isEnded(status) === ended).reduce((sum, { jobs }) => sum + Number(jobs), 0);
    return { ended: jobsOf(true), open: jobsOf(false) };
  } catch {
    return undefined;
  }
}

/**
 * The whole log and all rows, as soon as every job in the log has ended and every row matches the log, or once the
 * deadline has passed. The log is read only when the rows suggest that it is worth it.
 */
export async function readWhenQuiet(
  { bus, db }: { bus: Bus; db: Db },
  { jobs, deadlineMs }: { jobs: number; deadlineMs: number },
): Promise<{ log: Log; rows: Map<string, JobState> }> {
  const giveUpAt = performance.now() + deadlineMs;
  const isOver = () => performance.now() >= giveUpAt;
  for (;;) {
    const counts = await countRows(db);
    const looksQuiet = counts !== undefined && counts.open === 0 && counts.ended >= jobs;
    if (looksQuiet || isOver()) {
      const log = Map.groupBy(await readWholeLog(bus), ({ ref }) => ref.jobId);
      const rows = await readRows(db);
      if (isQuiet(log, rows) || isOver()) return { log, rows };
    }
    await sleep(PAUSE_MS);
  }
}

/** How long it takes until the audit log has all that the log has, from which `errand verify` reads; undefined: too long. */
export async function untilAudited(bus: Bus, deadlineMs: number): Promise<number | undefined> {
  const beganAt = performance.now();
  while (performance.now() - beganAt < deadlineMs) {
    const [audited, last] = await Promise.all([bus.audit.version(), bus.jobs.lastEvent()]);
    if (audited >= last) return Math.round(performance.now() - beganAt);
    await sleep(PAUSE_MS);
  }
  return undefined;
}

function isQuiet(log: Log, rows: ReadonlyMap<string, JobState>): boolean {
  return [...log].every(([jobId, events]) => {
    const state = foldJob(events);
    // An earlier event may reach the row after a later one, so comparing versions is not enough.
    return isEnded(state?.phase.value.status ?? null) && isDeepStrictEqual(rows.get(jobId), state);
  });
}

async function readRows(db: Db): Promise<Map<string, JobState>> {
  const rows = await db.selectFrom('job_summary').selectAll().execute();
  return new Map(rows.map((row) => [row.job_id, stateOfRow(row)]));
}

/** The answers of status calls: the summary, the code of a refusal, or undefined if the connection broke. */
export async function readSummaries(
  client: Client,
  jobIds: readonly string[],
): Promise<Map<string, JobSummary | number | undefined>> {
  const summaries = new Map<string, JobSummary | number | undefined>();
  const waiting = [...jobIds];
  const reader = async () => {
    for (let jobId = waiting.shift(); jobId; jobId = waiting.shift()) {
      const answer = await client.ask('GET', `/v2/tenants/${client.tenantId}/jobs/${jobId}`);
      if (answer.kind === 'broken') summaries.set(jobId, undefined);
      else summaries.set(jobId, answer.status === 200 ? JobSummary.parse(answer.body) : answer.status);
    }
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  return summaries;
}
