import type { PayloadRef } from '@errand/contracts';
import type { JobRequest, JobState } from '@errand/domain';
import type { Selectable } from 'kysely';
import { type JobSummaryColumn, type JobSummaryTable, jobSummaryColumns } from './columns.ts';

export type JobSummaryRow = Selectable<JobSummaryTable>;

/** A job's state with what only who reads all of its events knows. */
export interface ProjectedJob extends JobState {
  readonly firstStartedAt?: string | null;
}

/** A job's state as the read model stores it. The inverse of `rowOfState`. */
export function stateOfRow(row: JobSummaryRow): JobState {
  return {
    tenantId: row.tenant_id,
    action: row.action,
    jobId: row.job_id,
    version: row.version,
    updatedAt: row.updated_at.toISOString(),
    request: {
      version: row.request_version,
      value:
        row.request === null || row.created_at === null
          ? null
          : { requestedAt: row.created_at.toISOString(), data: row.request as unknown as JobRequest['data'] },
    },
    phase: {
      version: row.phase_version,
      value: {
        status: row.status,
        nextAt: iso(row.next_at),
        finishedAt: iso(row.finished_at),
        ...(row.waits_for === null ? {} : { waitsFor: row.waits_for }),
      },
    },
    attempt: {
      version: row.attempt_version,
      value: { number: row.attempt_number, startedAt: iso(row.started_at), executorId: row.executor_id },
    },
    progress: { version: row.progress_version, value: row.progress },
    outcome: { version: row.outcome_version, value: { ...resultOf(row.result), errors: row.errors } },
    cancelRequested: { version: row.cancel_version, value: row.cancel_requested_by },
  };
}

/**
 * The row of a job's state, with times as RFC 3339 text and JSON columns as their text. Postgres accepts every such
 * row, whatever the events held: what it could not hold is replaced here, for the projection, for rebuilds and for
 * whoever compares rows with the log.
 */
export function rowOfState(state: ProjectedJob) {
  const { request, phase, attempt, progress, outcome, cancelRequested } = state;
  return {
    job_id: state.jobId,
    tenant_id: state.tenantId,
    action: state.action,
    version: state.version,
    updated_at: timeOf(state.updatedAt),
    request_version: request.version,
    created_at: request.value && timeOf(request.value.requestedAt),
    request: searchable(JSON.stringify(request.value?.data ?? null)),
    phase_version: phase.version,
    status: phase.value.status,
    next_at: phase.value.nextAt && timeOf(phase.value.nextAt),
    finished_at: phase.value.finishedAt && timeOf(phase.value.finishedAt),
    attempt_version: attempt.version,
    attempt_number: Math.min(attempt.value.number, MAX_INT),
    started_at: attempt.value.startedAt && timeOf(attempt.value.startedAt),
    executor_id: attempt.value.executorId && textOf(attempt.value.executorId),
    progress_version: progress.version,
    progress: JSON.stringify(progress.value),
    outcome_version: outcome.version,
    result: JSON.stringify(storedResult(outcome.value)),
    errors: JSON.stringify(outcome.value.errors),
    cancel_version: cancelRequested.version,
    cancel_requested_by: cancelRequested.value && textOf(cancelRequested.value),
    ready_at: request.value && timeOf(readyAt(request.value)),
    first_started_at: state.firstStartedAt ? timeOf(state.firstStartedAt) : null,
    error_code: textOf(outcome.value.errors[0]?.code ?? '') || null,
    waits_for: textOf(phase.value.waitsFor ?? '') || null,
  } satisfies Record<JobSummaryColumn, unknown>;
}

/** A state as it comes back from its row. */
export function throughRow(state: JobState): JobState {
  const row: Record<JobSummaryColumn, unknown> = rowOfState(state);
  for (const [name, { type }] of jobSummaryColumns()) {
    const value = row[name];
    if (typeof value !== 'string') continue;
    if (type === 'timestamptz') row[name] = new Date(value);
    else if (type === 'json') row[name] = JSON.parse(value);
  }
  return stateOfRow(row as JobSummaryRow);
}

/** The largest value of the type `int`. */
const MAX_INT = 2_147_483_647;
const MS_TIME_LENGTH = '2026-01-31T12:00:00.000Z'.length;
const FIRST_TIME = '0001-01-01T00:00:00.000Z';
const REPLACEMENT = '\ufffd';
const ESCAPES = /\\(?:u0000|ud[89a-f][0-9a-f]{2}|.)/g;

/** Postgres has no year 0, and rounds to microseconds where others truncate. */
function timeOf(instant: string): string {
  const time = instant.length === MS_TIME_LENGTH ? instant : new Date(instant).toISOString();
  return time < FIRST_TIME ? FIRST_TIME : time;
}

/** The type `text` holds neither NUL nor half of a surrogate pair. */
function textOf(text: string): string {
  return text.toWellFormed().replaceAll('\0', REPLACEMENT);
}

/** The type `json` holds both as their escapes, but querying inside it then fails. */
function searchable(json: string): string {
  if (!json.includes('\\u')) return json;
  return json.replaceAll(ESCAPES, (each) => (each.length === 6 ? REPLACEMENT : each));
}

function readyAt({ requestedAt, data }: JobRequest): string {
  const { start_after: startAfter } = data;
  return startAfter && Date.parse(startAfter) > Date.parse(requestedAt) ? startAfter : requestedAt;
}

function iso(date: Date | null): string | null {
  return date === null ? null : date.toISOString();
}

/*
 * The column holds the result, or one of these in its place: where the result is stored, or a result that would itself
 * look like one of these.
 */
const REF = 'errand:result_ref';
const LITERAL = 'errand:result';

function storedResult({ result = null, resultRef }: JobState['outcome']['value']): unknown {
  if (resultRef) return { [REF]: resultRef };
  return hasOwn(result, REF) || hasOwn(result, LITERAL) ? { [LITERAL]: result } : result;
}

function resultOf(stored: unknown): { result: unknown; resultRef?: PayloadRef } {
  if (hasOwn(stored, REF)) return { result: null, resultRef: stored[REF] as PayloadRef };
  return { result: hasOwn(stored, LITERAL) ? stored[LITERAL] : stored };
}

function hasOwn<K extends string>(value: unknown, key: K): value is Record<K, unknown> {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key);
}
