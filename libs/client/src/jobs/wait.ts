import { WaitTimeoutError } from '../errors.ts';
import type { Members } from '../http/check-options.ts';
import { sleep, startDeadline } from '../http/deadline.ts';
import { path } from '../http/path.ts';
import type { Transport } from '../http/transport.ts';
import { type EndedJob, idOf, isEnded, type JobRef, type JobSummary } from './job.ts';

export interface WaitOptions<R = unknown> {
  /** Ends the waiting, not the job. */
  readonly signal?: AbortSignal | undefined;
  /** Default: no limit. */
  readonly timeoutMs?: number | undefined;
  /** Called with each newer summary, the last one included. */
  readonly onUpdate?: ((job: JobSummary<R>) => void) | undefined;
}

export const WAIT: Members<WaitOptions> = { signal: true, timeoutMs: true, onUpdate: true };

/** How long the server holds each call. */
const POLL_S = 30;
/** A server that does not wait is asked at most once in this time. */
const MIN_POLL_MS = 1_000;

/**
 * Resolves when the job has ended, in whichever way. Long polling: the server holds each call until then.
 * @throws WaitTimeoutError; the signal's reason
 */
export async function waitForJob<R>(
  transport: Transport,
  job: JobRef<R>,
  options: WaitOptions<R> = {},
): Promise<EndedJob<R>> {
  const { timeoutMs } = options;
  const deadline = startDeadline(timeoutMs, options.signal);
  try {
    return await waitUntilAborted(transport, job, { ...options, signal: deadline.signal });
  } catch (error) {
    if (!deadline.isOver() || options.signal?.aborted) throw error;
    const detail = `job ${idOf(job)} has not ended within ${timeoutMs} ms`;
    throw new WaitTimeoutError(detail, error);
  } finally {
    deadline.release();
  }
}

async function waitUntilAborted<R>(
  transport: Transport,
  job: JobRef<R>,
  { signal, onUpdate }: WaitOptions<R>,
): Promise<EndedJob<R>> {
  let known: JobSummary<R> | undefined;
  for (;;) {
    const beganAt = performance.now();
    // With the tag of a version the server answers with any newer one; without it, at the job's end.
    const headers: Record<string, string> =
      onUpdate && known ? { 'if-none-match': `W/"${known.version}"` } : {};
    const waitS = onUpdate && !known ? 0 : POLL_S;
    const summary = await transport.json<JobSummary<R> | undefined>({
      ...{ method: 'GET', path: path`/jobs/${idOf(job)}`, headers, signal, outlastsOutages: true },
      query: { wait: waitS },
      waitMs: waitS * 1_000,
    });
    if (summary && summary.version !== known?.version) {
      known = summary;
      onUpdate?.(summary);
      if (isEnded(summary)) return summary;
      if (onUpdate) continue;
    }
    await sleep(beganAt + MIN_POLL_MS - performance.now(), signal);
  }
}
