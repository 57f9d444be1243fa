import { JOB_EVENT_TYPES } from '@errand/contracts';
import { HEADERS } from './headers.ts';
import type { JsonSchema } from './schemas.ts';

interface Message {
  readonly summary: string;
  readonly contentType?: string;
  readonly headers?: JsonSchema;
  readonly payload: JsonSchema;
}

const NOTHING: JsonSchema = { type: 'string', maxLength: 0, description: 'Empty.' };

const GUARD = headers(
  {
    [HEADERS.guardSequence]:
      "Stream sequence of the job's newest event that the writer has seen; 0 for none. The server refuses all others.",
    [HEADERS.guardSubject]:
      '`jobs.<tenant_id>.<action>.<job_id>.>`, the same string for every append of the job, by every writer.',
  },
  'The guard of an append. Appends carry no Nats-Msg-Id: the CloudEvents id shows whether a try succeeded.',
);

const PARKED = headers(
  {
    [HEADERS.parkedFor]: 'The consumer, such as `executor-add`.',
    [HEADERS.parkedSubject]: 'Subject of the message in JOBS.',
    [HEADERS.parkedVersion]: 'Stream sequence of the message in JOBS.',
    [HEADERS.parkedReason]: 'Why it could not be read: one line of printable ASCII, at most 500 characters.',
  },
  'The position of the message, and why it could not be read.',
);

/** Every message of the protocol by its name. Schemas are named in the components of the document. */
export function messages(): Record<string, Message> {
  const events = JOB_EVENT_TYPES.map((type) => {
    const message = { summary: `The event ${type}.`, headers: GUARD, payload: component(type) };
    return [type, message] as const;
  });
  return {
    ...Object.fromEntries(events),
    StoredHint: {
      summary: 'An event was stored.',
      headers: headers({ 'Nats-Sequence': "Stream sequence of the event: the job's version." }),
      payload: NOTHING,
    },
    Announcement: { summary: 'A contract that the executor serves.', payload: component('Announcement') },
    AnnounceAnswer: {
      summary: 'The consumers to pull from, or why it may not.',
      payload: component('AnnounceAnswer'),
    },
    Withdrawal: { summary: 'A contract that it no longer serves.', payload: component('Withdrawal') },
    WithdrawAnswer: { summary: 'Whether it stopped accepting runs.', payload: component('WithdrawAnswer') },
    Heartbeat: { summary: 'What the executor serves and runs.', payload: component('ExecutorHeartbeat') },
    JobLogBatch: {
      summary: 'Lines and partial results of an attempt, in their order.',
      payload: component('JobLogBatch'),
    },
    TakenOver: {
      summary: 'A job was taken over from this executor.',
      contentType: 'text/plain',
      payload: { type: 'string', description: '`taken ` and the id of the job.' },
    },
    HoldsQuestion: {
      summary: 'Does this executor hold the job?',
      contentType: 'text/plain',
      payload: { type: 'string', description: 'The id of the job.' },
    },
    HoldsAnswer: {
      summary: 'Whether it does.',
      contentType: 'text/plain',
      payload: { type: 'string', enum: ['yes', 'no'] },
    },
    DeadLetter: {
      summary: 'A message that could not be read.',
      contentType: 'application/octet-stream',
      headers: {
        ...PARKED,
        properties: {
          ...(PARKED.properties as JsonSchema),
          [HEADERS.messageId]: text('`<consumer>.<version>.`, so that parking twice leaves one.'),
        },
      },
      payload: { type: 'string', format: 'binary' },
    },
    PayloadChunk: {
      summary: 'A piece of at most 131,072 bytes.',
      contentType: 'application/octet-stream',
      payload: { type: 'string', format: 'binary' },
    },
    PayloadDescription: {
      summary: 'The description of an object, as in ADR-20.',
      headers: headers({ [HEADERS.rollup]: '`sub`' }),
      payload: DESCRIPTION,
    },
  };
}

const DESCRIPTION: JsonSchema = {
  type: 'object',
  required: ['name', 'bucket', 'nuid', 'size', 'chunks', 'digest', 'mtime', 'options'],
  properties: {
    name: text("The payload's key: `<tenant_id>/<job_id>/<chunks_id>`."),
    bucket: text('`payloads`'),
    nuid: text('`<chunks_id>`'),
    size: { type: 'integer', minimum: 0 },
    chunks: { type: 'integer', minimum: 0 },
    digest: text('`SHA-256=` and the digest of all bytes in padded base64url.'),
    mtime: { type: 'string', format: 'date-time' },
    deleted: { type: 'boolean' },
    options: { type: 'object', properties: { max_chunk_size: { type: 'integer' } } },
    metadata: {
      type: 'object',
      properties: {
        content_type: { type: 'string' },
        first_sequence: text('Stream sequence of the first piece, for readers to begin at.'),
      },
    },
  },
};

function headers(properties: Record<string, string>, description?: string): JsonSchema {
  const described = Object.entries(properties).map(([name, about]) => [name, text(about)] as const);
  return {
    type: 'object',
    ...(description === undefined ? {} : { description }),
    required: Object.keys(properties),
    properties: Object.fromEntries(described),
  };
}

function text(description: string): JsonSchema {
  return { type: 'string', description };
}

function component(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}
