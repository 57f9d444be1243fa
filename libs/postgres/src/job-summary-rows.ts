import type { PayloadRef } from '@errand/contracts';
import type { JobRequest, JobState } from '@errand/domain';
import type { Selectable } from 'kysely';
import type { JobSummaryTable } from './schema/job-summary.ts';

export type JobSummaryRow = Selectable<JobSummaryTable>;

/** A job's state as the read model remembers it. The inverse of `rowOfState`. */
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
      value: { status: row.status, nextAt: iso(row.next_at), finishedAt: iso(row.finished_at) },
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

/** The row of a job's state, with times as RFC 3339 text and JSON columns as plain values. */
export function rowOfState(state: JobState) {
  const { request, phase, attempt, progress, outcome, cancelRequested } = state;
  return {
    job_id: state.jobId,
    tenant_id: state.tenantId,
    action: state.action,
    version: state.version,
    updated_at: state.updatedAt,
    request_version: request.version,
    created_at: request.value?.requestedAt ?? null,
    request: request.value?.data ?? null,
    phase_version: phase.version,
    status: phase.value.status,
    next_at: phase.value.nextAt,
    finished_at: phase.value.finishedAt,
    attempt_version: attempt.version,
    attempt_number: attempt.value.number,
    started_at: attempt.value.startedAt,
    executor_id: attempt.value.executorId,
    progress_version: progress.version,
    progress: progress.value,
    outcome_version: outcome.version,
    result: storedResult(outcome.value),
    errors: outcome.value.errors,
    cancel_version: cancelRequested.version,
    cancel_requested_by: cancelRequested.value,
  };
}

function iso(date: Date | null): string | null {
  return date === null ? null : date.toISOString();
}

/*
 * The column holds the result, or one of these in its place: where the result lies, or a result that would itself
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
