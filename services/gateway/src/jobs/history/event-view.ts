import { JobEvent, type JobEventOf, type RecordedEvent } from '@errand/contracts';
import { z } from 'zod';
import { named } from '../../openapi/schemas.ts';

const version = z.int().meta({ description: 'Place in the log.' });
const INPUT = { input: true, input_ref: true } as const;

type EventSchema = (typeof JobEvent.options)[number];
type SchemaOf<T extends string> = Extract<EventSchema, { shape: { type: z.ZodLiteral<T> } }>;

/** A CloudEvent 1.0 in structured JSON, and its version. */
export const EventView = named('JobEvent', z.union(JobEvent.options.map(viewOf)));

function viewOf(option: EventSchema): z.ZodObject {
  switch (option.shape.type.value) {
    case 'JobRequested': {
      const { data } = (option as SchemaOf<'JobRequested'>).shape;
      return option.extend({ version, data: data.omit(INPUT) });
    }
    case 'JobCarried': {
      const { data } = (option as SchemaOf<'JobCarried'>).shape;
      const request = data.shape.request.omit(INPUT);
      return option.extend({ version, data: data.omit({ operation: true }).extend({ request }) });
    }
    case 'JobDeferred': {
      const { data } = (option as SchemaOf<'JobDeferred'>).shape;
      return option.extend({ version, data: data.omit({ operation: true }) });
    }
    default:
      return option.extend({ version });
  }
}

/**
 * An event as callers read it: the CloudEvent with its version as an extension attribute. The input is left out: it may
 * be large, and whoever reads a job's events may not be allowed to read its input. Also left out is where the
 * operation of a deferred job is found: that is internal.
 */
export function eventView({ event, version }: RecordedEvent): object {
  switch (event.type) {
    case 'JobRequested':
      return { ...event, data: withoutInput(event.data), version };
    case 'JobCarried': {
      const { operation: _, ...data } = event.data;
      return { ...event, data: { ...data, request: withoutInput(data.request) }, version };
    }
    case 'JobDeferred': {
      const { operation: _, ...data } = event.data;
      return { ...event, data, version };
    }
    default:
      return { ...event, version };
  }
}

function withoutInput({ input: _, input_ref: __, ...request }: JobEventOf<'JobRequested'>['data']): object {
  return request;
}
