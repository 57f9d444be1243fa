import type { RecordedEvent } from '@errand/contracts';

/** Whether an attempt of a job has begun in isolation. Its later ones then stay isolated. */
export function wasIsolated(events: readonly RecordedEvent[]): boolean {
  return events.some(
    ({ event: { type, data } }) => (type === 'JobStarted' || type === 'JobCarried') && data.isolated === true,
  );
}
