import { isDeepStrictEqual } from 'node:util';
import type { JobEventType, JobSummary, RecordedEvent } from '@errand/contracts';
import { foldJob, type JobState } from '@errand/domain';
import { isEnding } from '../e2e/chain-check.ts';
import { checkHistory } from './history-check.ts';
import type { AcceptedJob, Ledger } from './load.ts';

/*
 * What must hold of a run once all is quiet, given what its callers were told, the whole log, and what status calls and
 * the read model say about each job.
 */

export interface Evidence {
  readonly ledger: Ledger;
  /** The whole log, by job id. */
  readonly log: ReadonlyMap<string, readonly RecordedEvent[]>;
  /** The read model's rows, by job id. */
  readonly rows: ReadonlyMap<string, JobState>;
  /** The GET answer for each accepted job: its summary, or the status code of a refusal. */
  readonly summaries: ReadonlyMap<string, JobSummary | number | undefined>;
  /** Attempts that each action allows. */
  readonly maxAttempts: ReadonlyMap<string, number>;
}

export interface Violation {
  readonly kind: string;
  readonly jobId?: string;
  readonly detail: string;
}

/** How an action's jobs may end if nobody cancels them and they have no deadline. */
const OWN_ENDINGS: Readonly<Record<string, JobEventType>> = {
  hopeless: 'JobFailed',
  overlong: 'JobFailed',
  crash_always: 'JobFailed',
};

/** Every promise that was broken. */
export function checkPromises(evidence: Evidence): Violation[] {
  const { ledger, log, rows } = evidence;
  const violations: Violation[] = ledger.unaccepted.map((nr) => ({
    kind: 'never_accepted',
    detail: `request ${nr}`,
  }));
  for (const job of ledger.accepted) violations.push(...checkAccepted(job, evidence));
  for (const [jobId, events] of log) {
    const maxAttempts = evidence.maxAttempts.get(events[0]?.ref.action ?? '') ?? 0;
    violations.push(...checkHistory(events, { maxAttempts }), ...checkRow(jobId, events, rows.get(jobId)));
  }
  for (const jobId of rows.keys()) {
    if (!log.has(jobId)) violations.push({ kind: 'row_of_no_job', jobId, detail: 'not in the log' });
  }
  return [...violations, ...checkKeys(evidence)];
}

function checkAccepted(job: AcceptedJob, { log, summaries }: Evidence): Violation[] {
  const { jobId, version } = job;
  const events = log.get(jobId);
  if (!events) return [{ kind: 'lost', jobId, detail: 'accepted, and not in the log' }];
  const violations: Violation[] = [];
  const report = (kind: string, detail: string) => violations.push({ kind, jobId, detail });
  if (!events.some((each) => each.event.type === 'JobRequested' && each.version === version)) {
    report('other_version', `its request was answered to be version ${version}`);
  }
  const summary = summaries.get(jobId);
  const state = foldJob(events);
  if (typeof summary !== 'object') report('no_status', `status call answered ${summary}`);
  else if (summary.version !== state?.version || summary.status !== state.phase.value.status) {
    report('wrong_status', `${summary.status} at ${summary.version}; the log says ${state?.version}`);
  }
  const ending = events.find(({ event }) => isEnding(event.type));
  if (ending && !mayEndSo(job, ending.event.type)) {
    report(
      'wrong_ending',
      `${job.planned.action}: ${ending.event.type} ${JSON.stringify(ending.event.data)}`,
    );
  }
  violations.push(...checkCancels(job, events, ending));
  return violations;
}

function mayEndSo({ planned, cancels }: AcceptedJob, type: JobEventType): boolean {
  if (type === 'JobCanceled') return cancels.length > 0;
  if (type === 'JobExpired') return planned.finishByS !== undefined;
  return type === (OWN_ENDINGS[planned.action] ?? 'JobSucceeded');
}

/**
 * 200: the job was canceled by then. 202: the cancel request came before the job ended. 409: the job had ended. A
 * request whose connection broke may have done any of these.
 */
function checkCancels(
  { jobId, cancels }: AcceptedJob,
  events: readonly RecordedEvent[],
  ending: RecordedEvent | undefined,
): Violation[] {
  const endedBy = (atMs: number) => ending !== undefined && Date.parse(ending.event.time) <= atMs;
  const asked = events.find(({ event }) => event.type === 'JobCancelRequested');
  return cancels.flatMap(({ status, atMs }) => {
    if (status === undefined || status >= 500) return [];
    const holds =
      status === 200
        ? ending?.event.type === 'JobCanceled' && endedBy(atMs)
        : status === 202
          ? asked !== undefined
          : status === 409 && endedBy(atMs);
    const detail = `answered ${status}; asked at ${asked?.version}, ended by ${ending?.event.type}`;
    return holds ? [] : [{ kind: 'wrong_cancel', jobId, detail }];
  });
}

function checkRow(jobId: string, events: readonly RecordedEvent[], row: JobState | undefined): Violation[] {
  if (!row) return [{ kind: 'no_row', jobId, detail: 'in the log, and not in the read model' }];
  const state = foldJob(events);
  if (isDeepStrictEqual(row, state)) return [];
  const fields = Object.keys(row) as (keyof JobState)[];
  const differing = fields.filter((field) => !isDeepStrictEqual(row[field], state?.[field]));
  return [{ kind: 'wrong_row', jobId, detail: `at ${row.version}, differs from the log in ${differing}` }];
}

/** A key makes one job, however often it is sent. */
function checkKeys({ ledger, log }: Evidence): Violation[] {
  const jobsOf = Map.groupBy(log, ([, events]) => numberOf(events));
  return ledger.accepted.flatMap(({ planned: { nr, isKeyed } }) => {
    const ids = (jobsOf.get(String(nr)) ?? []).map(([jobId]) => jobId);
    return isKeyed && ids.length > 1 ? [{ kind: 'key_used_twice', detail: `request ${nr}: ${ids}` }] : [];
  });
}

function numberOf(events: readonly RecordedEvent[]): string | undefined {
  for (const { event } of events) if (event.type === 'JobRequested') return event.data.metadata.nr;
  return undefined;
}
