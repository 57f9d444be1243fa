import { MAX_LIVE_CONTRACTS } from '../action-contract.ts';
import { PROJECTION_COMMANDS } from '../commands/projection-commands.ts';
import { WEBHOOK_COMMANDS } from '../commands/webhook-commands.ts';
import { ENDING_TYPES } from '../events/job-endings.ts';
import {
  ALL_CONFIG,
  ALL_EXECUTORS,
  ALL_JOB_LOGS,
  ALL_REDRIVES,
  callbackKeySubject,
  commandSubject,
  deadLetterSubject,
  eventSubjectsOf,
  jobLogSubjects,
  type LeadSubjects,
  SCHEDULES,
  storedSubject,
  TURNS,
  WEBHOOK_HINTS,
} from './subjects.ts';
import {
  AUDIT_STREAM,
  BUCKETS,
  type BucketName,
  bucketStream,
  CONFIG_STREAM,
  DEAD_LETTERS_STREAM,
  executorConsumerName,
  JOBS_STREAM,
  LOGS_STREAM,
  PAYLOADS_BUCKET,
  PAYLOADS_STREAM,
  PROJECTION_READER,
  RESTORE_STREAM,
  redriveConsumer,
  STREAM_NAMES,
  WEBHOOKS_READER,
} from './topology.ts';

/*
 * What each service may say to NATS and hear from it, if NATS has a user for each. The configuration of servers, the page
 * in docs and the tests are made of this. A wildcard stands for whole tokens: no permission can name all consumers whose
 * names begin alike.
 */

export const NATS_ROLES = [
  'provision',
  'gateway',
  'scheduler',
  'executor',
  'projection',
  'webhooks',
] as const;
export type NatsRole = (typeof NATS_ROLES)[number];

export interface NatsPermissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** Whether it answers requests: it may publish, once, to where each of them wants its answer. */
  readonly answers: boolean;
}

/** Where a role's answers come. No other role may listen there. */
export function inboxPrefix(role: NatsRole): string {
  return `_INBOX_${role}`;
}

/** Names of the consumers of JOBS and DEAD_LETTERS that the projection makes for a single read. */
export const PAGE_READERS = {
  verify: 'read-verify',
  rebuild: 'read-rebuild',
  deletion: 'read-deletion',
} as const;

/** The consumer of JOBS by which a reader follows it. */
export function followConsumerName(reader: string): string {
  return `follow-${reader}`;
}

interface Role extends NatsPermissions {
  /** The streams, also of buckets, without which it cannot work. */
  readonly streams: readonly string[];
}

const api = (operation: string) => `$JS.API.${operation}`;

/** Messages of a stream by their position or their subject. */
const readOf = (stream: string) => [api(`STREAM.MSG.GET.${stream}`), api(`DIRECT.GET.${stream}`)];

/**
 * A read through a consumer without a name, compared with what the leader has. It can change other consumers, so this is
 * for streams that have no durable one.
 */
const pagesOf = (stream: string) => [
  api(`STREAM.MSG.GET.${stream}`),
  api(`CONSUMER.CREATE.${stream}`),
  api(`CONSUMER.MSG.NEXT.${stream}.*`),
  api(`CONSUMER.DELETE.${stream}.*`),
];

/** The same through one whose name nobody else uses. */
const ownConsumer = (stream: string, name: string) => [
  api(`CONSUMER.CREATE.${stream}.${name}`),
  api(`CONSUMER.CREATE.${stream}.${name}.>`),
  api(`CONSUMER.INFO.${stream}.${name}`),
  api(`CONSUMER.MSG.NEXT.${stream}.${name}`),
  api(`CONSUMER.DELETE.${stream}.${name}`),
];

/** Work through a durable consumer that another role makes. */
const workOn = (stream: string, name: string) => [
  api(`CONSUMER.INFO.${stream}.${name}`),
  api(`CONSUMER.MSG.NEXT.${stream}.${name}`),
  `$JS.ACK.${stream}.${name}.>`,
];

const entriesOf = (bucket: BucketName) => `$KV.${bucket}.>`;
const getFrom = (bucket: BucketName) => api(`STREAM.MSG.GET.${bucketStream(bucket)}`);
const watchOf = (bucket: BucketName) => [
  getFrom(bucket),
  api(`CONSUMER.CREATE.${bucketStream(bucket)}.*.>`),
  api(`CONSUMER.DELETE.${bucketStream(bucket)}.*`),
  `$JS.FC.${bucketStream(bucket)}.>`,
];
const purgeOf = (stream: string) => api(`STREAM.PURGE.${stream}`);

const readAudit = [...readOf(AUDIT_STREAM), ...pagesOf(AUDIT_STREAM)];
const readConfig = [...readOf(CONFIG_STREAM), ...pagesOf(CONFIG_STREAM)];
const payloads = [`$O.${PAYLOADS_BUCKET}.>`, ...readOf(PAYLOADS_STREAM), purgeOf(PAYLOADS_STREAM)];
const listConsumers = api(`CONSUMER.LIST.${JOBS_STREAM}`);
const probe = (role: NatsRole) => `$KV.${BUCKETS.probes}.errand-${role}`;
const ask = (service: string, commands: readonly string[]) =>
  commands.map((command) => commandSubject(service, command));

/** What leads among its like in the log. */
const leads = ({ lead, ask }: LeadSubjects) => [lead, ask];

/** What all services do with the log. */
const common = (role: NatsRole) => [probe(role), ...readOf(JOBS_STREAM)];

/** What reads the log in order, and what it could not read. */
const inOrder = (reader: string) => [
  ...ownConsumer(JOBS_STREAM, followConsumerName(reader)),
  // Readers had durable ones before.
  api(`CONSUMER.INFO.${JOBS_STREAM}.${reader}`),
  api(`CONSUMER.DELETE.${JOBS_STREAM}.${reader}`),
  ...workOn(DEAD_LETTERS_STREAM, redriveConsumer(reader).name),
  deadLetterSubject(reader),
  `$KV.${BUCKETS.positions}.${reader}`,
  getFrom(BUCKETS.positions),
  ...readAudit,
];

const streamsOf = (...buckets: BucketName[]) => [
  JOBS_STREAM,
  AUDIT_STREAM,
  bucketStream(BUCKETS.probes),
  ...buckets.map(bucketStream),
];

/** Buckets of which gateways keep a copy. */
const WATCHED_BY_GATEWAY = [
  BUCKETS.actions,
  BUCKETS.executors,
  BUCKETS.apiKeys,
  BUCKETS.tenants,
  BUCKETS.webhookEndpoints,
  BUCKETS.bulkActions,
  BUCKETS.spentTokens,
  BUCKETS.portalSessions,
  BUCKETS.schedules,
  BUCKETS.scheduleProgress,
];
/** Where configuration is. */
const CONFIGURED = [
  BUCKETS.tenants,
  BUCKETS.apiKeys,
  BUCKETS.webhookEndpoints,
  BUCKETS.schedules,
  BUCKETS.actions,
];
/** Where nothing but a tenant's entries is, by its id. */
const OF_TENANTS = [BUCKETS.bulkActions, BUCKETS.portalSessions, BUCKETS.scheduleProgress];

function gateway(): Role {
  const own = [
    ...WATCHED_BY_GATEWAY.filter((bucket) => bucket !== BUCKETS.executors),
    BUCKETS.keyUses,
    BUCKETS.idempotency,
  ];
  return {
    streams: [
      ...streamsOf(...WATCHED_BY_GATEWAY, BUCKETS.keyUses, BUCKETS.idempotency, BUCKETS.positions),
      CONFIG_STREAM,
      DEAD_LETTERS_STREAM,
      LOGS_STREAM,
      PAYLOADS_STREAM,
    ],
    publish: [
      ...common('gateway'),
      ...eventSubjectsOf(['JobRequested', 'JobCancelRequested', 'JobCanceled']),
      // What callbacks end, or tell of.
      ...eventSubjectsOf(['JobProgressed', 'JobSucceeded', 'JobFailed']),
      ...leads(SCHEDULES),
      listConsumers,
      ...readAudit,
      ...readConfig,
      ALL_CONFIG,
      ...readOf(LOGS_STREAM),
      ...readOf(DEAD_LETTERS_STREAM),
      api(`STREAM.MSG.DELETE.${DEAD_LETTERS_STREAM}`),
      ALL_REDRIVES,
      ...payloads,
      ...own.map(entriesOf),
      ...WATCHED_BY_GATEWAY.flatMap(watchOf),
      ...CONFIGURED.flatMap((bucket) => pagesOf(bucketStream(bucket))),
      ...[BUCKETS.keyUses, BUCKETS.idempotency, BUCKETS.positions].map(getFrom),
      `$KV.${BUCKETS.positions}.${CONFIG_STREAM}`,
      ...ask('scheduler', ['waiting_jobs', 'demand', 'room', 'usage', 'place']),
      ...ask('projection', Object.keys(PROJECTION_COMMANDS)),
      ...ask('webhooks', Object.keys(WEBHOOK_COMMANDS)),
    ],
    subscribe: [storedSubject('jobs.>'), storedSubject(ALL_JOB_LOGS), SCHEDULES.ask, callbackKeySubject('*')],
    answers: true,
  };
}

/** It makes executors' consumers, and lets events leave the log. */
function scheduler(): Role {
  return {
    streams: streamsOf(BUCKETS.actions, BUCKETS.executors, BUCKETS.tenants, BUCKETS.positions).concat(
      CONFIG_STREAM,
      DEAD_LETTERS_STREAM,
    ),
    publish: [
      ...common('scheduler'),
      ...eventSubjectsOf(['JobDue', 'JobExpired', 'JobCarried']),
      ...leads(TURNS),
      listConsumers,
      api(`STREAM.UPDATE.${JOBS_STREAM}`),
      ...[JOBS_STREAM, DEAD_LETTERS_STREAM].flatMap((stream) => [
        api(`CONSUMER.DURABLE.CREATE.${stream}.*`),
        api(`CONSUMER.INFO.${stream}.*`),
        api(`CONSUMER.DELETE.${stream}.*`),
      ]),
      api(`CONSUMER.CREATE.${JOBS_STREAM}.*`),
      api(`CONSUMER.MSG.NEXT.${JOBS_STREAM}.*`),
      // Version 1 of the executor protocol had it.
      api('STREAM.DELETE.TIMERS'),
      ...readAudit,
      'config.action.*',
      entriesOf(BUCKETS.actions),
      ...[BUCKETS.actions, BUCKETS.executors, BUCKETS.tenants].flatMap(watchOf),
      getFrom(BUCKETS.positions),
      ALL_EXECUTORS,
    ],
    subscribe: [commandSubject('scheduler', '*'), TURNS.ask],
    answers: true,
  };
}

/** Of one action, or of all: `*`. It makes nothing in NATS. */
function executor(action: string): Role {
  const slots = Array.from({ length: MAX_LIVE_CONTRACTS }, (_, slot) => executorConsumerName(action, slot));
  const consumers = action === '*' ? ['*'] : slots;
  const redrives = action === '*' ? ['*'] : slots.map((name) => redriveConsumer(name).name);
  return {
    streams: streamsOf(BUCKETS.executors).concat(DEAD_LETTERS_STREAM, LOGS_STREAM, PAYLOADS_STREAM),
    publish: [
      ...common('executor'),
      // A request that was held, by its subject.
      api(`DIRECT.GET.${JOBS_STREAM}.jobs.*.${action}.>`),
      ...eventSubjectsOf(
        [
          'JobStarted',
          'JobProgressed',
          'JobRetrying',
          'JobDeferred',
          'JobDue',
          ...ENDING_TYPES.filter((type) => type !== 'JobExpired'),
        ],
        action,
      ),
      jobLogSubjects(action),
      // Behind what an attempt may tell.
      api(`STREAM.MSG.GET.${LOGS_STREAM}`),
      listConsumers,
      ...consumers.flatMap((name) => [...workOn(JOBS_STREAM, name), deadLetterSubject(name)]),
      ...redrives.flatMap((name) => workOn(DEAD_LETTERS_STREAM, name)),
      ...readAudit,
      ...payloads,
      `$KV.${BUCKETS.executors}.*`,
      ALL_EXECUTORS,
      ...ask('scheduler', ['announce', 'withdraw', 'waiting_jobs']),
      callbackKeySubject(action),
    ],
    subscribe: [storedSubject(`jobs.*.${action}.>`), ALL_EXECUTORS],
    answers: true,
  };
}

/** It also verifies, and deletes tenants. */
function projection(): Role {
  const purged = [
    JOBS_STREAM,
    AUDIT_STREAM,
    CONFIG_STREAM,
    LOGS_STREAM,
    ...[BUCKETS.tenants, BUCKETS.webhookEndpoints, BUCKETS.schedules, ...OF_TENANTS].map(bucketStream),
    PAYLOADS_STREAM,
  ];
  return {
    streams: [
      ...streamsOf(...CONFIGURED, BUCKETS.keyUses, ...OF_TENANTS, BUCKETS.positions),
      CONFIG_STREAM,
      DEAD_LETTERS_STREAM,
      LOGS_STREAM,
      PAYLOADS_STREAM,
    ],
    publish: [
      ...common('projection'),
      ...eventSubjectsOf(['JobExpired', 'JobCanceled', 'JobCancelRequested']),
      ...inOrder(PROJECTION_READER.name),
      ...Object.values(PAGE_READERS).flatMap((name) => ownConsumer(JOBS_STREAM, name)),
      api(`CONSUMER.INFO.${JOBS_STREAM}.*`),
      api(`STREAM.UPDATE.${JOBS_STREAM}`),
      ...readConfig,
      ...['tenant.*', 'key.*.*', 'endpoint.*.*', 'schedule.*.*'].map((subject) => `config.${subject}`),
      ...purged.map(purgeOf),
      api(`STREAM.MSG.GET.${DEAD_LETTERS_STREAM}`),
      ...ownConsumer(DEAD_LETTERS_STREAM, PAGE_READERS.deletion),
      api(`STREAM.MSG.DELETE.${DEAD_LETTERS_STREAM}`),
      ...pagesOf(PAYLOADS_STREAM),
      ...[BUCKETS.tenants, BUCKETS.apiKeys, BUCKETS.keyUses, BUCKETS.webhookEndpoints, BUCKETS.schedules].map(
        entriesOf,
      ),
      ...CONFIGURED.flatMap((bucket) => [...watchOf(bucket), ...pagesOf(bucketStream(bucket))]),
      ALL_EXECUTORS,
      ...ask('scheduler', ['place']),
    ],
    subscribe: [commandSubject('projection', '*')],
    answers: true,
  };
}

function webhooks(): Role {
  return {
    streams: streamsOf(BUCKETS.webhookEndpoints, BUCKETS.actions, BUCKETS.positions).concat(
      DEAD_LETTERS_STREAM,
    ),
    publish: [
      ...common('webhooks'),
      ...inOrder(WEBHOOKS_READER.name),
      ...[BUCKETS.webhookEndpoints, BUCKETS.actions].flatMap(watchOf),
      WEBHOOK_HINTS,
    ],
    subscribe: [commandSubject('webhooks', '*'), WEBHOOK_HINTS],
    answers: true,
  };
}

/** It makes and changes what there is, and neither reads nor deletes anything. */
function provision(): Role {
  return {
    streams: STREAM_NAMES,
    publish: [
      ...STREAM_NAMES.flatMap((name) => [api(`STREAM.CREATE.${name}`), api(`STREAM.UPDATE.${name}`)]),
      ...[PROJECTION_READER, WEBHOOKS_READER].flatMap((reader) => {
        const { stream, name } = redriveConsumer(reader.name);
        return [api(`CONSUMER.DURABLE.CREATE.${stream}.${name}`), api(`CONSUMER.INFO.${stream}.${name}`)];
      }),
    ],
    subscribe: [],
    answers: false,
  };
}

const ROLES: Record<NatsRole, (action: string) => Role> = {
  provision,
  gateway,
  scheduler,
  executor,
  projection,
  webhooks,
};

/** `action`: the only one that an executor runs; default: any. */
export function natsPermissions(role: NatsRole, action = '*'): NatsPermissions {
  const { streams, publish, subscribe, answers } = ROLES[role](action);
  // Whoever starts waits for the end of a restore.
  const looks = [...streams, RESTORE_STREAM].map((stream) => api(`STREAM.INFO.${stream}`));
  return {
    publish: [...new Set([...looks, ...publish])],
    subscribe: [`${inboxPrefix(role)}.>`, ...subscribe],
    answers,
  };
}

/** The streams, also of buckets, without which a service cannot work. */
export function neededStreams(role: NatsRole): readonly string[] {
  return ROLES[role]('*').streams;
}

/** Whether it may change the configuration of the log. */
export function changesLog(role: NatsRole): boolean {
  return natsPermissions(role).publish.includes(api(`STREAM.UPDATE.${JOBS_STREAM}`));
}
