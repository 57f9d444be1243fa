import { ErrandError } from '../errors.ts';
import { checkOptions, type Members } from '../http/check-options.ts';
import { path } from '../http/path.ts';
import type { Transport } from '../http/transport.ts';
import { type EndedJob, idOf, isEnded, type JobRef, type JobSummary } from './job.ts';
import type { CallOptions } from './run.ts';

export interface CancelOptions extends CallOptions {
  readonly reason?: string | undefined;
}

const CANCEL: Members<CancelOptions> = { reason: true, signal: true };

export type CancelOutcome<R = unknown> =
  /** It will not run, or it was stopped. */
  | { readonly kind: 'canceled'; readonly job: EndedJob<R> }
  /** Its executor was asked to stop; it may still succeed. */
  | { readonly kind: 'requested'; readonly job: JobSummary<R> }
  /** It had ended in another way. */
  | { readonly kind: 'too_late'; readonly job: EndedJob<R> };

/** Asks for a job to be stopped. Asking twice has no further effect. */
export async function cancelJob<R>(
  transport: Transport,
  job: JobRef<R>,
  options: CancelOptions = {},
): Promise<CancelOutcome<R>> {
  checkOptions(options, CANCEL);
  const { reason, signal } = options;
  const jobPath = path`/jobs/${idOf(job)}`;
  let summary: JobSummary<R>;
  try {
    summary = await transport.json({
      ...{ method: 'POST', path: `${jobPath}/cancel`, isRepeatable: true, signal },
      ...(reason === undefined ? {} : { body: { reason } }),
    });
  } catch (error) {
    if (!(error instanceof ErrandError && error.code === 'already_ended')) throw error;
    summary = await transport.json({ method: 'GET', path: jobPath, signal });
  }
  if (!isEnded(summary)) return { kind: 'requested', job: summary };
  return { kind: summary.status === 'canceled' ? 'canceled' : 'too_late', job: summary };
}
