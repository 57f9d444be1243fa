import {
  type ConfigKind,
  changesLog,
  PROJECTION_COMMANDS,
  SCHEDULER_COMMANDS,
  SCHEDULES,
  TURNS,
  WEBHOOK_COMMANDS,
} from '@errand/contracts';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { type Appender, createAppender } from './append/append.ts';
import { type BatchAppender, createBatchAppender } from './append/append-batch.ts';
import { type Bucket, openBucket, type WatchedBucket, watchBucket } from './buckets/buckets.ts';
import { type Heartbeats, watchHeartbeats } from './buckets/heartbeats.ts';
import { type CallbackKeyCommands, createCallbackKeyCommands } from './commands/callback-keys.ts';
import { type Commands, createCommands } from './commands/commands.ts';
import { createExecutorPresence, type ExecutorPresence } from './commands/executor-presence.ts';
import { createWebhookHints, type WebhookHints } from './commands/webhook-hints.ts';
import { type ConfigCheck, createConfigCheck } from './config/config-check.ts';
import { type ConfigReader, type ConfigWriter, createConfigLog } from './config/config-log.ts';
import { type RecordedBucket, watchRecordedBucket } from './config/recorded-bucket.ts';
import { type ConnectOptions, connectBus } from './connect/connect.ts';
import { provisionConsumer } from './connect/provision.ts';
import { removeConsumer } from './connect/remove-consumer.ts';
import { createServerClock, type ServerClock } from './connect/server-clock.ts';
import { type ProvisionOptions, untilProvisioned } from './connect/until-provisioned.ts';
import { removeVersionOne } from './connect/version-one.ts';
import { consumeWork } from './consume/consume-work.ts';
import { createDeadLetters, type DeadLetters } from './consume/dead-letters.ts';
import { createStandings, type Standings } from './consume/standings.ts';
import { createTenantForgetter, type TenantForgetter } from './forget/forget-tenant.ts';
import type { OrderedReadOptions } from './in-order/options.ts';
import { readInOrder } from './in-order/read-in-order.ts';
import { createJobLogs, type JobLogs } from './job-logs/job-logs.ts';
import { createLeadLog, type LeadLog } from './lead/lead-log.ts';
import { createLogFollower, type LogFollower } from './log/follow-log.ts';
import { createLogFill, type LogFillReader } from './log/log-fill.ts';
import { type LogWatch, watchLog } from './log/log-watch.ts';
import { createLogTrimmer, type LogTrimmer } from './log/trim-log.ts';
import { createPayloads, type Payloads } from './payloads/payloads.ts';
import { type AuditReader, createAuditReader } from './read/read-audit.ts';
import { createHistoryReader, type HistoryReader } from './read/read-history.ts';
import { createJobReader, type JobReader } from './read/read-job.ts';
import { createLeftReader, type LeftReader } from './read/read-left.ts';
import { createLinkReader, type LinkReader } from './read/read-links.ts';
import { createLogReader, type LogReader } from './read/read-log.ts';
import { createRequestsReader, type RequestsReader } from './read/read-requests.ts';
import { createStoredEvents, type StoredEvents } from './read/stored-events.ts';

/** A service's access to the log: connected, provisioned, ready to append and to read. */
export interface Bus extends ServerClock, LogWatch, AsyncDisposable {
  /** The log of the jobs' events. */
  readonly jobs: JobsLog;
  /** Who gives jobs in it their turns. */
  readonly turns: LeadLog;
  /** Who requests the jobs of schedules. */
  readonly schedules: LeadLog;
  /** What removes all traces of a tenant. */
  readonly forget: TenantForgetter;
  /** Its copy, which is kept longer and has all that was ever in it. */
  readonly audit: AuditLog;
  /** Inputs and results that are too large for events. */
  readonly payloads: Payloads;
  /** What attempts tell callers while they run. */
  readonly jobLogs: JobLogs;
  /** What is recorded of the changes of tenants, keys, endpoints and actions. */
  readonly config: Omit<ConfigReader, 'isWhole'> & Pick<ConfigWriter, 'record'> & ConfigCheck;
  /** Key-value buckets, watched or queried. */
  readonly buckets: Buckets;
  readonly consumers: Consumers;
  readonly deadLetters: DeadLetters;
  /** What services ask and tell each other outside the log. */
  readonly commands: ServiceCommands;
  /** Whether the server can be reached at this moment. */
  isConnected(): boolean;
  /** The largest size of a message in bytes, headers included. */
  maxMessageBytes(): number;
}

interface JobsLog
  extends Pick<Appender, 'append' | 'conflicts'>,
    BatchAppender,
    JobReader,
    RequestsReader,
    StoredEvents,
    LogFillReader,
    LinkReader,
    LogReader,
    LogFollower,
    LogTrimmer {
  readonly readHistory: HistoryReader['readHistory'];
  /** See `readInOrder`. */
  readInOrder(options: OrderedReadOptions): Promise<void>;
}

interface AuditLog extends AuditReader, LeftReader {
  readonly readHistory: HistoryReader['readAuditedHistory'];
}

interface Buckets {
  open<T>(...args: Rest<typeof openBucket<T>>): Promise<Bucket<T>>;
  watch<T>(...args: Rest<typeof watchBucket<T>>): Promise<WatchedBucket<T>>;
  /** Of configuration: whoever changes it says who it is. */
  watchRecorded<T>(
    kind: ConfigKind,
    ...args: Rest<typeof watchBucket<T>> extends [unknown, ...infer R] ? R : never
  ): Promise<RecordedBucket<T>>;
  watchHeartbeats(): Promise<Heartbeats>;
}

interface Consumers extends Standings {
  work(...args: Rest<typeof consumeWork>): Promise<void>;
  provision(...args: Rest<typeof provisionConsumer>): Promise<void>;
  remove(...args: Rest<typeof removeConsumer>): Promise<void>;
  removeVersionOne(): Promise<string[]>;
}

interface ServiceCommands extends ExecutorPresence, WebhookHints, CallbackKeyCommands {
  readonly askWebhooks: Commands<typeof WEBHOOK_COMMANDS>['ask'];
  readonly answerWebhooks: Commands<typeof WEBHOOK_COMMANDS>['answer'];
  readonly askScheduler: Commands<typeof SCHEDULER_COMMANDS>['ask'];
  readonly answerScheduler: Commands<typeof SCHEDULER_COMMANDS>['answer'];
  readonly askProjection: Commands<typeof PROJECTION_COMMANDS>['ask'];
  readonly answerProjection: Commands<typeof PROJECTION_COMMANDS>['answer'];
}

/** The parameters behind the connection. */
type Rest<F extends (connection: never, ...rest: never[]) => unknown> =
  Parameters<F> extends [unknown, ...infer R] ? R : never;

const connections = new WeakMap<object, NatsConnection>();

/** For tests, which do to the server what no service may. */
export function connectionOf(bus: object): NatsConnection {
  const nc = connections.get(bus);
  if (!nc) throw new Error('the bus was not opened by this process');
  return nc;
}

/** A test call waits for the endpoint itself, which may take its whole deadline. */
const WEBHOOKS = {
  service: 'webhooks',
  commands: WEBHOOK_COMMANDS,
  timeoutMs: { test: 65_000, redeliver: 5_000, replay: 5_000, cancel_replay: 5_000 },
};
const PROJECTION = {
  service: 'projection',
  commands: PROJECTION_COMMANDS,
  timeoutMs: {
    delete_tenant: 10_000,
    deletion_status: 5_000,
    rebuild: 10_000,
    rebuild_status: 5_000,
    cancel_rebuild: 10_000,
    verify: 10_000,
    verification: 5_000,
    cancel_verification: 10_000,
    verifications: 5_000,
  },
};

const SCHEDULER = {
  service: 'scheduler',
  commands: SCHEDULER_COMMANDS,
  timeoutMs: {
    announce: 10_000,
    withdraw: 5_000,
    waiting_jobs: 1_000,
    demand: 1_000,
    room: 1_000,
    usage: 1_000,
    place: 500,
  },
};

/**
 * Connects and makes sure that the topology exists, however long the server takes to come up.
 * @throws UnfitServer
 */
export async function openBus(
  options: ConnectOptions &
    ProvisionOptions & {
      ackTimeoutMs?: number;
      /** Told once when the log is no longer the same one: only a restart of the process fixes that. */
      onReplaced?: (error: Error) => void;
    },
): Promise<Bus> {
  const connection = await connectBus(options);
  const { nc, isConnected, onReconnected } = connection;
  const { role, provisions = true } = options;
  await untilProvisioned(nc, options);
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: 2_000 });
  const { ackTimeoutMs, onReplaced = () => {} } = options;
  const patience = ackTimeoutMs === undefined ? {} : { ackTimeoutMs };
  const appender = createAppender(nc, jsm, patience);
  const payloads = createPayloads(nc, jsm, patience);
  const jobLogs = createJobLogs(nc, jsm, { ...patience, onReconnected });
  const watch = await watchLog(
    { nc, jsm, name: options.name, endsTrims: provisions || role === undefined || changesLog(role) },
    { ...connection, onReplaced },
  );
  const webhooks = createCommands(nc, WEBHOOKS);
  const projection = createCommands(nc, PROJECTION);
  const scheduler = createCommands(nc, SCHEDULER);
  const close = () => {
    watch.close();
    appender.close();
    payloads.close();
    jobLogs.close();
  };
  const audit = createAuditReader(nc, jsm);
  const { readHistory, readAuditedHistory } = createHistoryReader(nc, jsm, audit);
  const log = createLogReader(nc, jsm);
  const standings = createStandings(jsm);
  const config = createConfigLog(nc, jsm);
  const bus: Bus = {
    jobs: {
      append: appender.append,
      conflicts: appender.conflicts,
      ...createBatchAppender(nc, appender.append),
      ...createJobReader(jsm, isConnected),
      ...createRequestsReader(jsm, isConnected),
      ...createStoredEvents(nc, onReconnected),
      ...createLogFill(jsm, scheduler.ask),
      ...createLinkReader(nc, jsm),
      ...log,
      ...createLogFollower(nc, jsm),
      ...createLogTrimmer(jsm),
      readHistory,
      readInOrder: (options) => readInOrder(connection, { audit, jobs: log, standings, provisions }, options),
    },
    turns: createLeadLog(nc, jsm, TURNS),
    schedules: createLeadLog(nc, jsm, SCHEDULES),
    forget: createTenantForgetter(nc, jsm, audit),
    audit: { ...audit, ...createLeftReader(audit, readAuditedHistory), readHistory: readAuditedHistory },
    payloads,
    jobLogs,
    config: { ...config, ...createConfigCheck(nc, jsm, config) },
    buckets: {
      open: (...args) => openBucket(nc, ...args),
      watch: (...args) => watchBucket(nc, ...args),
      watchRecorded: (kind, ...args) => watchRecordedBucket(nc, config, kind, ...args),
      watchHeartbeats: () => watchHeartbeats(nc),
    },
    consumers: {
      ...standings,
      work: (...args) => consumeWork(connection, ...args),
      provision: (...args) => provisionConsumer(nc, ...args),
      remove: (...args) => removeConsumer(nc, ...args),
      removeVersionOne: () => removeVersionOne(nc),
    },
    deadLetters: createDeadLetters(nc, jsm),
    commands: {
      ...createExecutorPresence(nc, onReconnected),
      ...createWebhookHints(nc),
      ...createCallbackKeyCommands(nc),
      askWebhooks: webhooks.ask,
      answerWebhooks: webhooks.answer,
      askProjection: projection.ask,
      answerProjection: projection.answer,
      askScheduler: scheduler.ask,
      answerScheduler: scheduler.answer,
    },
    ...createServerClock(jsm),
    isAnswering: watch.isAnswering,
    isConnected,
    maxMessageBytes: () => nc.info?.max_payload ?? Number.POSITIVE_INFINITY,
    async [Symbol.asyncDispose]() {
      close();
      // Flushes acks that are still buffered; a server that is gone must not hold up a stop.
      await Promise.race([nc.drain().catch(() => {}), new Promise((resolve) => setTimeout(resolve, 2_000))]);
      await nc.close();
    },
  };
  connections.set(bus, nc);
  return bus;
}
