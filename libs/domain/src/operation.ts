import type { RecordedEvent } from '@errand/contracts';

/** Work outside that a job waits for without holding a slot. */
export interface Operation {
  /** Where it is found, such as a URL. */
  readonly address: string;
  readonly beganAt: string;
}

/**
 * The operation that a job's newest JobDeferred names, or the JobCarried that stands for it: whoever begins an attempt of
 * the job resumes it.
 */
export function operationOf(events: readonly RecordedEvent[]): Operation | undefined {
  const named = events.findLast(({ event }) => event.type === 'JobDeferred' || event.type === 'JobCarried');
  if (named?.event.type === 'JobDeferred') {
    const { operation, began_at } = named.event.data;
    return { address: operation, beganAt: began_at ?? named.event.time };
  }
  if (named?.event.type !== 'JobCarried' || named.event.data.operation === undefined) return undefined;
  const { operation, began_at, requested_at } = named.event.data;
  return { address: operation, beganAt: began_at ?? requested_at };
}
