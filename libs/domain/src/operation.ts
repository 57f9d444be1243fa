import type { RecordedEvent } from '@errand/contracts';

/** Work outside that a job waits for without holding a slot. */
export interface Operation {
  /** Where it is found, such as a URL. */
  readonly address: string;
  readonly beganAt: string;
}

/** The operation that a job's newest JobDeferred names: whoever begins an attempt of the job resumes it. */
export function operationOf(events: readonly RecordedEvent[]): Operation | undefined {
  const deferral = events.findLast(({ event }) => event.type === 'JobDeferred')?.event;
  if (deferral?.type !== 'JobDeferred') return undefined;
  return { address: deferral.data.operation, beganAt: deferral.data.began_at ?? deferral.time };
}
