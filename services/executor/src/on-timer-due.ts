import type { Bus, Verdict } from '@errand/bus';
import type { JobRef } from '@errand/contracts';
import { foldJob } from '@errand/domain';
import { createJobWriter } from './job-writer.ts';

/**
 * A job's wait is over: JobDue brings it to the executors of its action, if it still waits. Settled when that is in the
 * log; a job that was canceled, has ended or runs already needs nothing. Only the server's clock says whether a time has
 * come: by this one, if it is behind, the wait would be set again and end at once, again and again.
 */
export async function onTimerDue(
  ref: JobRef,
  deps: { bus: Bus; signal: AbortSignal; now: () => number; endedAtMs: number },
): Promise<Verdict> {
  const events = await deps.bus.readJob(ref);
  const request = events.find(({ event }) => event.type === 'JobRequested');
  const state = foldJob(events);
  const nextAtMs = Date.parse(state?.phase.value.nextAt ?? '');
  // The end of an earlier wait, told once more: the job waits for a later time by now.
  if (nextAtMs > deps.endedAtMs) {
    await deps.bus.scheduleDue(ref, nextAtMs);
    return { kind: 'done' };
  }
  const writer = createJobWriter({
    ...deps,
    ref,
    state,
    traceparent: request?.event.traceparent,
  });
  await writer.write({ type: 'wakeJob' });
  return { kind: 'done' };
}
