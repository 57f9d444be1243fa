import { JobEvent, type RecordedEvent } from '@errand/contracts';
import { z } from 'zod';

const version = z.int().meta({ description: 'Place in the log.' });

const [requested, ...others] = JobEvent.options;
const RequestedView = requested.extend({
  version,
  data: requested.shape.data.omit({ input: true, input_ref: true }),
});

/** A CloudEvent 1.0 in structured JSON, and its version. */
export const EventView = z.union([RequestedView, ...others.map(viewOf)]);

type EventSchema = (typeof others)[number];
type DeferredSchema = Extract<EventSchema, { shape: { type: z.ZodLiteral<'JobDeferred'> } }>;

function viewOf(option: EventSchema): z.ZodObject {
  if (option.shape.type.value !== 'JobDeferred') return option.extend({ version });
  const { data } = (option as DeferredSchema).shape;
  return option.extend({ version, data: data.omit({ operation: true }) });
}

/**
 * An event as callers read it: the CloudEvent with its version as an extension attribute. The input of a JobRequested
 * is left out: it may be large, and who reads a job's events need not be who may read what was asked. So is where the
 * operation of a JobDeferred is found: it lies inside.
 */
export function eventView({ event, version }: RecordedEvent): object {
  if (event.type === 'JobDeferred') {
    const { operation: _, ...data } = event.data;
    return { ...event, data, version };
  }
  if (event.type !== 'JobRequested') return { ...event, version };
  const { input: _, input_ref: __, ...data } = event.data;
  return { ...event, data, version };
}
