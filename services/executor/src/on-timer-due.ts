import type { Bus, Verdict } from '@errand/bus';
import type { JobRef } from '@errand/contracts';
import { foldJob } from '@errand/domain';
import { createJobWriter } from './job-writer.ts';

/**
 * A job's wait is over: JobDue brings it to the executors of its action, if it still waits. Settled when that is in the
 * log; a job that was canceled, has ended or runs already needs nothing.
 */
export async function onTimerDue(ref: JobRef, deps: { bus: Bus; signal: AbortSignal }): Promise<Verdict> {
  const events = await deps.bus.readJob(ref);
  const request = events.find(({ event }) => event.type === 'JobRequested');
  const writer = createJobWriter({
    ...deps,
    ref,
    state: foldJob(events),
    traceparent: request?.event.traceparent,
  });
  await writer.write({ type: 'wakeJob' });
  return { kind: 'done' };
}
