import type { z } from 'zod';
import type { ProblemCode } from '../http/problem.ts';
import { type Schema, schemaOf } from './schemas.ts';

/** What the document says of one method at one path. */
export interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** As `/v2/tenants/{tenant_id}/jobs`. */
  readonly path: string;
  /** In camelCase: generators make a function of it. */
  readonly id: string;
  readonly tag: Tag;
  readonly summary: string;
  readonly description?: string;
  /** Whose key it takes; `none` takes none. */
  readonly key: 'tenant' | 'admin' | 'none';
  readonly parameters?: readonly Parameter[];
  readonly body?: Body;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Errors beside those that every operation with such a key and such a body may answer. */
  readonly problems?: readonly ProblemCode[];
}

export const TAGS = {
  Runs: 'Actions: asking for a job, many jobs at once, and the status of one.',
  Jobs: 'Jobs of any action: summaries, events, results, cancelling, retrying.',
  Schedules: 'Jobs that are asked for by the clock.',
  'Bulk actions': 'The same for many jobs: cancelling, retrying, redelivering.',
  Callbacks: 'What outside systems tell of work that jobs have left to them.',
  Feed: "Every ending of a tenant's jobs, in order.",
  Actions: 'Which actions there are, with their JSON Schemas.',
  Webhooks: 'Endpoints that are told of endings, and the secrets that they are signed with.',
  Deliveries: 'What was told to whom, with each attempt.',
  Replays: 'Sending again what an endpoint did not get.',
  Keys: "A tenant's keys.",
  Tokens: 'Tokens for less than a key, and for a while.',
  Portal: 'Pages for customers of a tenant, which may be part of its own pages.',
  Administration: 'Tenants, keys, dead letters, the read model, the audit log. With the admin key.',
  Service: 'What operators and their tools ask of the process.',
} as const;
type Tag = keyof typeof TAGS;

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly description: string;
  readonly schema: Schema;
  readonly required?: true;
  readonly example?: unknown;
  /** Values are separated by commas. */
  readonly isList?: true;
}

export interface Body {
  readonly schema: Schema;
  readonly required: boolean;
  readonly example?: unknown;
}

export interface Answer {
  readonly description: string;
  /** By media type; absent for an answer without a body. */
  readonly content?: Readonly<Record<string, { schema: Schema; example?: unknown }>>;
  readonly headers?: readonly HeaderName[];
}

export const HEADERS = {
  'Retry-After': { description: 'Seconds after which to ask again.', schema: { type: 'integer' } },
  Location: { description: 'Path of what was made.', schema: { type: 'string' } },
  ETag: { description: 'Tag of what was answered, for If-None-Match.', schema: { type: 'string' } },
  'Preference-Applied': {
    description: 'The wait that was granted, such as `wait=60`.',
    schema: { type: 'string' },
  },
  'Idempotency-Replayed': {
    description: '`true` if this Idempotency-Key was answered before, and nothing was done for this request.',
    schema: { type: 'string', const: 'true' },
  },
  RateLimit: {
    description: 'For a tenant with a rate of runs: how many are left, and seconds until there are more.',
    schema: { type: 'string' },
  },
  'RateLimit-Policy': {
    description: 'Its rate: how many runs at once, and in how many seconds they come back.',
    schema: { type: 'string' },
  },
  'Content-Disposition': { description: 'Name of the file.', schema: { type: 'string' } },
  'WWW-Authenticate': { description: 'How to prove who one is.', schema: { type: 'string' } },
  'X-Request-Id': {
    description: "The request's id, as it was sent or made up: the log finds the request by it.",
    schema: { type: 'string' },
  },
} as const;
export type HeaderName = keyof typeof HEADERS;

export function json(
  description: string,
  schema: z.ZodType,
  options: { headers?: readonly HeaderName[] } = {},
): Answer {
  return { description, content: { 'application/json': { schema: schemaOf(schema) } }, ...options };
}

export function jsonBody(schema: z.ZodType, options: { required?: boolean; example?: unknown } = {}): Body {
  const { required = true, example } = options;
  return { schema: schemaOf(schema), required, ...(example === undefined ? {} : { example }) };
}

export function inPath(name: string, description: string, schema: z.ZodType): Parameter {
  return { name, in: 'path', description, schema: schemaOf(schema), required: true };
}

export function inQuery(name: string, description: string, schema: Schema): Parameter {
  return { name, in: 'query', description, schema };
}

export function inHeader(name: string, description: string, schema: Schema = { type: 'string' }): Parameter {
  return { name, in: 'header', description, schema };
}

export function text(description: string, type: string): Answer {
  return { description, content: { [type]: { schema: { type: 'string' } } } };
}
