import { type JobSummary, type PayloadRef, type ResultLink, SUMMARY_RETENTION_DAYS } from '@errand/contracts';
import type { JobState } from './job.ts';

const DAY_MS = 86_400_000;

/** When a job's summary stops being readable, as Unix time in milliseconds. */
export function expiresAtMs(createdAtMs: number): number {
  return createdAtMs + SUMMARY_RETENTION_DAYS * DAY_MS;
}

/**
 * A job as callers see it, or undefined while its JobRequested is not known. `links` and the number of allowed attempts
 * depend on the reader, not on the job, so they are passed in.
 */
export function summarize(
  state: JobState,
  context: { maxAttempts: number | null; linksOf: (state: JobState) => JobSummary['links'] },
): JobSummary | undefined {
  const request = state.request.value;
  const { status, nextAt, finishedAt, waitsFor } = state.phase.value;
  if (request === null || status === null) return undefined;
  const progress = state.progress.value;
  const links = context.linksOf(state);
  const { result, resultRef, errors } = state.outcome.value;
  const expiresAt = new Date(expiresAtMs(Date.parse(request.requestedAt))).toISOString();
  return {
    job_id: state.jobId,
    tenant_id: state.tenantId,
    action: state.action,
    resource: request.data.resource,
    status,
    version: state.version,
    cancel_requested: state.cancelRequested.value !== null,
    progress: progress && {
      percent: progress.percent,
      message: progress.message,
      updated_at: progress.updatedAt,
    },
    attempt: {
      number: state.attempt.value.number,
      max: context.maxAttempts,
      next_at: nextAt,
      ...(waitsFor === undefined ? {} : { waits_for: waitsFor }),
    },
    results: result,
    results_link: resultRef ? resultLinkOf(resultRef, { url: `${links.job}/result`, expiresAt }) : null,
    errors,
    metadata: request.data.metadata,
    source: request.data.source,
    requested_by: request.data.requested_by,
    retry_of: request.data.retry_of ?? null,
    schedule: request.data.schedule ?? null,
    created_at: request.requestedAt,
    started_at: state.attempt.value.startedAt,
    finished_at: finishedAt,
    updated_at: state.updatedAt,
    expires_at: expiresAt,
    links,
  };
}

/** How callers download a result; they do not learn where it is stored. */
export function resultLinkOf(
  { bytes, sha256, content_type, filename }: Omit<PayloadRef, 'bucket' | 'key'>,
  { url, expiresAt: expires_at }: { url: string; expiresAt: string },
): ResultLink {
  return { url, bytes, sha256, content_type, filename: filename ?? null, expires_at };
}
