import {
  type ConsumerSpec,
  DEFAULT_TOPOLOGY,
  executorConsumer,
  type JobEventType,
  MIN_NATS_VERSION,
  redriveConsumer,
  streams,
} from '@errand/contracts';
import { settings } from '@errand/executor';
import { type Channel, channelOf, channels, parametersOf } from './channels.ts';
import { messages } from './messages.ts';
import { type JsonSchema, protocolSchemas } from './schemas.ts';

const LEASE_MS = Number(settings.leaseMs.default);
/** Raised with the first number where an executor that was written before would not do any more. */
const PROTOCOL_VERSION = '2.0.0';

/** The executor protocol as an AsyncAPI 3.0.0 document, as seen by an executor. */
export function asyncApiDocument(): JsonSchema {
  const all = channels();
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Errand: the executor protocol',
      version: PROTOCOL_VERSION,
      description:
        'What an executor reads and writes. docs/executor-protocol.md says in which order, and why. ' +
        'Made by `node tools/protocol.ts`.',
      license: { name: 'Apache-2.0' },
    },
    servers: {
      nats: {
        host: '127.0.0.1:4222',
        protocol: 'nats',
        description: `nats-server ${MIN_NATS_VERSION} or newer with JetStream; older ones ignore guards without an error.`,
      },
    },
    defaultContentType: 'application/json',
    channels: {
      ...Object.fromEntries(Object.entries(all).map(([id, channel]) => [id, channelObject(channel)])),
      presenceAnswers: {
        address: null,
        description: 'The reply subject of a question.',
        messages: { HoldsAnswer: { $ref: '#/components/messages/HoldsAnswer' } },
      },
      schedulerAnswers: {
        address: null,
        description: 'The reply subject of a command.',
        messages: {
          AnnounceAnswer: { $ref: '#/components/messages/AnnounceAnswer' },
          WithdrawAnswer: { $ref: '#/components/messages/WithdrawAnswer' },
        },
      },
    },
    operations: operations(all),
    components: { messages: messages(), schemas: protocolSchemas('draft-7') },
    'x-nats-streams': streams(DEFAULT_TOPOLOGY),
  };
}

function channelObject({ address, description, messages: names }: Channel): JsonSchema {
  return {
    address,
    description,
    parameters: parametersOf(address),
    messages: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }])),
  };
}

const APPENDED: readonly JobEventType[] = [
  'JobStarted',
  'JobProgressed',
  'JobRetrying',
  'JobDeferred',
  'JobDue',
  'JobSucceeded',
  'JobFailed',
  'JobCanceled',
];

function operations(all: Record<string, Channel>): JsonSchema {
  const operation = (action: 'send' | 'receive', id: string, more: JsonSchema) => ({
    action,
    channel: { $ref: `#/channels/${id}` },
    messages: all[id]?.messages.map((name) => ({ $ref: `#/channels/${id}/messages/${name}` })),
    ...more,
  });
  const sample = { slot: 0, contractId: 'contract', leaseMs: LEASE_MS };
  const made = executorConsumer('action', sample);
  const named = (text: string) =>
    text.replace('.action.', '.{action}.').replace('.contract', '.{contract_id}');
  const work = {
    ...made,
    name: made.name.replace('action-0', '{action}-{slot}'),
    filterSubjects: made.filterSubjects.map(named),
  };
  const append = (type: JobEventType) => operation('send', channelOf(type), { summary: `Appends ${type}.` });
  const reply = {
    reply: {
      channel: { $ref: '#/channels/presenceAnswers' },
      messages: [{ $ref: '#/channels/presenceAnswers/messages/HoldsAnswer' }],
    },
  };
  const answered = (name: string) => ({
    reply: {
      channel: { $ref: '#/channels/schedulerAnswers' },
      messages: [{ $ref: `#/channels/schedulerAnswers/messages/${name}` }],
    },
  });
  const consumer = (spec: ConsumerSpec) => ({ 'x-nats-consumer': consumerOf(spec) });
  const send = (id: string, summary: string) => operation('send', id, { summary });
  return {
    takeRequest: operation('receive', 'jobRequested', { summary: 'Takes a job.', ...consumer(work) }),
    takeDue: operation('receive', 'jobDue', { summary: 'Takes up a job again.', ...consumer(work) }),
    ...Object.fromEntries(APPENDED.map((type) => [`append${type}`, append(type)])),
    hearStored: operation('receive', 'storedEvents', { summary: 'Hears what others write of a job.' }),
    announce: operation('send', 'announcements', {
      summary: 'Announces a contract.',
      ...answered('AnnounceAnswer'),
    }),
    withdraw: operation('send', 'withdrawals', {
      summary: 'Withdraws a contract.',
      ...answered('WithdrawAnswer'),
    }),
    beat: send('heartbeats', 'Tells that it lives.'),
    answerPresence: operation('receive', 'presence', {
      summary: 'Says whether it holds a job, and hears of jobs that it lost.',
      ...reply,
    }),
    askPresence: operation('send', 'presence', { summary: 'Asks or tells another executor.', ...reply }),
    park: send('deadLetters', 'Parks what it cannot read.'),
    takeRedrive: operation('receive', 'redrives', {
      summary: 'Takes what is redriven to it.',
      ...consumer(redriveConsumer(work.name)),
    }),
    sendPayloadChunk: send('payloadChunks', 'Stores a piece of a large result.'),
    describePayload: send('payloadDescriptions', 'Makes a payload of the pieces.'),
  };
}

/** A consumer as JetStream's API takes it; times in nanoseconds. */
function consumerOf(spec: ConsumerSpec): JsonSchema {
  return {
    stream_name: spec.stream,
    config: {
      durable_name: spec.name,
      filter_subjects: spec.filterSubjects,
      ack_policy: 'explicit',
      ack_wait: spec.ackWaitMs * 1_000_000,
      max_ack_pending: spec.maxAckPending,
      max_deliver: -1,
    },
  };
}
