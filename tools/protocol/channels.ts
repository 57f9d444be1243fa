import {
  BUCKETS,
  commandSubject,
  deadLetterSubject,
  eventSubject,
  executorSubject,
  JOB_EVENT_TYPES,
  type JobEventType,
  payloadSubjects,
  redriveSubject,
  storedSubject,
} from '@errand/contracts';

/** A place where messages of one kind are sent: a subject with words in braces, and their meanings. */
export interface Channel {
  readonly address: string;
  readonly description: string;
  /** Names of messages. */
  readonly messages: readonly string[];
}

const PARAMETERS: Record<string, string> = {
  tenant_id: 'A tenant: 1-64 letters, digits, `_` or `-`.',
  action: 'An action: snake_case, at most 64 characters.',
  job_id: 'A job: a lower-case UUIDv7.',
  lane: '`fast` or `held`.',
  contract_id: "What tells an action's contracts apart: 1-32 letters, digits, `_` or `-`.",
  event: 'The type of the event as in its own subject, with what follows.',
  executor_id: 'One run of one executor: letters, digits, `_` and `-`.',
  consumer: '`executor-<action>-` and a number from 0 to 3.',
  chunks_id: 'A UUIDv7 of the object, the last part of its key.',
  name: "The object's key in base64url, padded.",
};

/** Placeholders for the words of a subject, which are validated. */
const SAMPLE = { tenantId: 'tenant', action: 'action', jobId: '019b0000-0000-7000-8000-000000000000' };

const ABOUT: Record<JobEventType, string> = {
  JobRequested: 'A job was requested. The first event of every job; executors run it.',
  JobStarted: 'An attempt started on the named executor.',
  JobProgressed: 'Progress of the attempt.',
  JobRetrying: 'The attempt failed; another one starts at `retry_at`.',
  JobDeferred: 'The attempt waits for something outside until a time, and holds no slot meanwhile.',
  JobCarried: 'All of a job that waits, or that was brought back: its earlier events may have left the log.',
  JobDue:
    'The job has its turn, its wait ended, or an attempt was handed over: whoever receives this runs the job.',
  JobCancelRequested: 'A cancel was requested. Whoever runs the job stops and writes JobCanceled.',
  JobSucceeded: 'An ending: the job has a result.',
  JobFailed: 'An ending: no attempt will follow.',
  JobCanceled: 'An ending: the job was canceled before or during its run.',
  JobExpired: 'An ending: a deadline of the job passed.',
};

/** Every channel that an executor reads or writes, by its id. */
export function channels(): Record<string, Channel> {
  const events = JOB_EVENT_TYPES.map((type) => {
    const address = templated(eventSubject(SAMPLE, { type, data: { contract_id: 'c1' } })).replace(
      /\.fast\.c1$/,
      '.{lane}.{contract_id}',
    );
    return [channelOf(type), { address, description: ABOUT[type], messages: [type] }] as const;
  });
  return {
    ...Object.fromEntries(events),
    storedEvents: {
      address: storedSubject('jobs.{tenant_id}.{action}.{job_id}.{event}'),
      description: 'JOBS has stored an event. A hint without a body, lost while nobody listens.',
      messages: ['StoredHint'],
    },
    announcements: {
      address: commandSubject('scheduler', 'announce'),
      description: 'Asks the scheduler to let this executor serve a contract.',
      messages: ['Announcement'],
    },
    withdrawals: {
      address: commandSubject('scheduler', 'withdraw'),
      description: 'Withdraws a contract that this executor no longer serves, unless another one does.',
      messages: ['Withdrawal'],
    },
    heartbeats: {
      address: `$KV.${BUCKETS.executors}.{executor_id}`,
      description: 'The key-value bucket of heartbeats, each gone after 15 seconds.',
      messages: ['Heartbeat'],
    },
    jobLogs: {
      address: 'logs.{tenant_id}.{action}.{job_id}',
      description: 'What attempts tell callers while they run, kept in the stream LOGS.',
      messages: ['JobLogBatch'],
    },
    presence: {
      address: executorSubject('executor_id').replace('executor_id', '{executor_id}'),
      description: 'Asks an executor whether it holds a job, or tells it of one that was taken over from it.',
      messages: ['HoldsQuestion', 'TakenOver'],
    },
    deadLetters: {
      address: deadLetterSubject('{consumer}'),
      description: 'An unreadable message, unchanged, with headers for its position and the reason.',
      messages: ['DeadLetter'],
    },
    redrives: {
      address: redriveSubject('{consumer}'),
      description: 'A dead letter that an operator sends back to its consumer.',
      messages: ['DeadLetter'],
    },
    payloadChunks: {
      address: payloadSubjects.chunksOf('{chunks_id}'),
      description: 'The pieces of a payload, in order, in the object store of ADR-20.',
      messages: ['PayloadChunk'],
    },
    payloadDescriptions: {
      address: payloadSubjects.metaOf('{name}'),
      description: 'The description of the pieces, written last: without it there is no payload.',
      messages: ['PayloadDescription'],
    },
  };
}

/** The channel for a type of event. */
export function channelOf(type: JobEventType): string {
  return type.charAt(0).toLowerCase() + type.slice(1);
}

/** What the words in braces of an address stand for. */
export function parametersOf(address: string): Record<string, { description: string }> {
  const names = [...address.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  return Object.fromEntries(names.map((name) => [name, { description: PARAMETERS[name] ?? '' }]));
}

function templated(subject: string): string {
  return subject
    .replace(`.${SAMPLE.tenantId}.`, '.{tenant_id}.')
    .replace(`.${SAMPLE.action}.`, '.{action}.')
    .replace(SAMPLE.jobId, '{job_id}');
}
