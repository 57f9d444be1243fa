import { JobEvent, type RecordedEvent } from '@errand/contracts';
import { z } from 'zod';

const version = z.int().meta({ description: 'Place in the log.' });

const [requested, ...others] = JobEvent.options;
const RequestedView = requested.extend({
  version,
  data: requested.shape.data.omit({ input: true, input_ref: true }),
});

/** A CloudEvent 1.0 in structured JSON, and its version. */
export const EventView = z.union([RequestedView, ...others.map((other) => other.extend({ version }))]);

/**
 * An event as callers read it: the CloudEvent with its version as an extension attribute. The input of a JobRequested
 * is left out: it may be large, and who reads a job's events need not be who may read what was asked.
 */
export function eventView({ event, version }: RecordedEvent): object {
  if (event.type !== 'JobRequested') return { ...event, version };
  const { input: _, input_ref: __, ...data } = event.data;
  return { ...event, data, version };
}
