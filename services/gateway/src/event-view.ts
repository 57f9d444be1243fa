import type { RecordedEvent } from '@errand/contracts';

/**
 * An event as callers read it: the CloudEvent with its version as an extension attribute. The input of a JobRequested
 * is left out: it may be large, and who reads a job's events need not be who may read what was asked.
 */
export function eventView({ event, version }: RecordedEvent): object {
  if (event.type !== 'JobRequested') return { ...event, version };
  const { input: _, input_ref: __, ...data } = event.data;
  return { ...event, data, version };
}
