import {
  ENDPOINT_NEWS_TYPES,
  EventId,
  Instant,
  JobFault,
  JobSummary,
  ResultLink,
  TenantId,
  WEBHOOK_EVENT_TYPES,
} from '@errand/contracts';
import { z } from 'zod';
import { named, type Schema, schemaOf } from './schemas.ts';

const { job_id, status, metadata, action, tenant_id, resource, version } = JobSummary.shape;

/** What the webhooks service sends; `services/webhooks/src/intake/compose-message.ts` writes it. */
const JobEnded = named(
  'JobEndedMessage',
  z.object({
    type: z.enum(WEBHOOK_EVENT_TYPES),
    timestamp: Instant,
    data: z.object({
      job_id,
      metadata,
      action,
      tenant_id,
      resource,
      version,
      status: status.extract(['succeeded', 'failed', 'canceled', 'expired']),
      finished_at: Instant,
      errors: z.array(JobFault).optional(),
      links: z.object({ status: z.string().optional(), job: z.string(), result: z.string().optional() }),
      results: z.unknown().optional().meta({
        description:
          'Of a job that has succeeded, where the endpoint has `include: ["results"]`. Null if it has to be downloaded.',
      }),
      results_link: ResultLink.nullable().optional().meta({
        description:
          'Beside `results`: how to download a result that is a file, or JSON above 64 KiB. Null where there is none.',
      }),
    }),
  }),
);

const EndpointNews = named(
  'EndpointNewsMessage',
  z.object({
    type: z.enum(ENDPOINT_NEWS_TYPES),
    timestamp: Instant,
    data: z.object({
      tenant_id: TenantId,
      endpoint_id: z.string(),
      url_host: z.string().nullable(),
      failing_since: Instant.nullable(),
      reason: z.string().nullable().optional(),
      disabled_at: Instant.nullable().optional(),
    }),
  }),
);

const EndpointTest = named(
  'EndpointTestMessage',
  z.object({
    type: z.literal('webhook.test'),
    timestamp: Instant,
    data: z.object({ tenant_id: TenantId, endpoint_id: z.string() }),
  }),
);

const HEADERS: readonly [string, string, Schema][] = [
  ['webhook-id', 'Id of the event, the same on every attempt: handle each once.', schemaOf(EventId)],
  ['webhook-timestamp', 'Unix seconds at which the request was signed.', { type: 'integer' }],
  [
    'webhook-signature',
    'Standard Webhooks: `v1,` and an HMAC-SHA256 for each valid secret.',
    { type: 'string' },
  ],
  ['errand-delivery', '`<event_id>.<endpoint_id>`', { type: 'string' }],
  ['errand-attempt', 'Counts from 1.', { type: 'integer', minimum: 1 }],
  [
    'errand-trigger',
    'Why the attempt is made.',
    { type: 'string', enum: ['auto', 'manual', 'replay', 'probe', 'test'] },
  ],
];

/** The `webhooks` of the document: each type of message, as its receivers get it. */
export function webhookMessages(): Record<string, unknown> {
  const of = (schema: z.ZodType, types: readonly string[], summary: string) =>
    types.map((type) => [type, { post: message(type, schema, summary) }]);
  return Object.fromEntries([
    ...of(JobEnded, WEBHOOK_EVENT_TYPES, 'A job has ended'),
    ...of(EndpointNews, ENDPOINT_NEWS_TYPES, "Something became of another of the tenant's endpoints"),
    ...of(EndpointTest, ['webhook.test'], 'Somebody tries the endpoint out'),
  ]);
}

function message(type: string, schema: z.ZodType, summary: string) {
  const word = type.replace(/(?:^|\.)(\w)/g, (_, letter: string) => letter.toUpperCase());
  return {
    operationId: `on${word}`,
    tags: ['Webhooks'],
    summary: `${summary}: ${type}`,
    description:
      'At least once within 72 hours, in no promised order. An endpoint with the method `GET` gets no body.',
    security: [],
    parameters: HEADERS.map(([name, description, header]) => ({
      name,
      in: 'header',
      required: true,
      description,
      schema: header,
    })),
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: { allOf: [schemaOf(schema), { properties: { type: { type: 'string', const: type } } }] },
        },
      },
    },
    responses: {
      '2XX': { description: 'Taken.' },
      '4XX': { description: 'Refused: it is tried again; 410 for a while disables the endpoint.' },
      '5XX': { description: 'Failed: it is tried again.' },
    },
  };
}
