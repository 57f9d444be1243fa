import type { JobHistory } from '@errand/contracts';
import type { RecordedRequest } from '@errand/domain';
import type { Span, Tracing } from '@errand/runtime';

/** The trace that an attempt is part of: the one that its job was requested in. */
export interface AttemptTrace {
  /** Of the attempt once it has begun, of the request before that; undefined where there is none. */
  traceparent(): string | undefined;
  /** An attempt is about to begin, */
  begin(): void;
  /** and has ended, in a word; `not_begun` where it did not. */
  end(outcome: string, attempt?: number): void;
}

/** A job that waited longer is a trace of its own, with a link to the one in which it was requested. */
const LONG_WAIT_MS = 3_600_000;

/** Each attempt is a span, with a link to the one before it: JobStarted has its traceparent. */
export function traceAttempts(
  { tracing, now }: { tracing: Tracing | undefined; now: () => number },
  events: JobHistory,
  { ref, event }: RecordedRequest,
): AttemptTrace {
  let span: Span | undefined;
  const requested = event.traceparent;
  return {
    traceparent: () => span?.traceparent ?? requested,
    begin() {
      if (!tracing) return;
      const isLate = now() - Date.parse(event.time) > LONG_WAIT_MS;
      const before = events.findLast((each) => each.event.type === 'JobStarted')?.event.traceparent;
      span = tracing.begin(`process ${ref.action}`, {
        kind: 'consumer',
        parent: isLate ? undefined : requested,
        links: [isLate ? requested : undefined, before],
        attributes: {
          'errand.action': ref.action,
          'errand.tenant_id': ref.tenantId,
          'errand.job_id': ref.jobId,
        },
      });
    },
    end(outcome, attempt) {
      span?.set({ 'errand.outcome': outcome, 'errand.attempt': attempt });
      span?.end(outcome === 'succeeded' || outcome === 'deferred' ? undefined : outcome);
    },
  };
}
