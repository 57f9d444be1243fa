import type { JobEventOf, RecordedEvent } from '@errand/contracts';

/** A job's JobRequested. */
export type RecordedRequest = RecordedEvent & { readonly event: JobEventOf<'JobRequested'> };

/** What a job was asked to do, with its input: by its JobRequested, or by the JobCarried that stands for it. */
export function requestIn(events: readonly RecordedEvent[]): RecordedRequest | undefined {
  const recorded = events.find(isRequest);
  if (recorded) return recorded;
  const carried = events.findLast(({ event }) => event.type === 'JobCarried');
  if (carried?.event.type !== 'JobCarried') return undefined;
  const { request: data, requested_at: time } = carried.event.data;
  return { ...carried, event: { ...carried.event, type: 'JobRequested', time, data } };
}

function isRequest(recorded: RecordedEvent): recorded is RecordedRequest {
  return recorded.event.type === 'JobRequested';
}
