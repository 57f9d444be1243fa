import { randomUUIDv7 } from 'node:crypto';
import { openWorker } from '@errand/bootstrap';
import type { Bus } from '@errand/bus';
import { ActionRecord, BUCKETS, WEBHOOKS_READER } from '@errand/contracts';
import {
  createDailyPartitions,
  createDatabaseClock,
  isReachable,
  migratePatiently,
  openDatabase,
  openLogPosition,
} from '@errand/postgres';
import { repeat, type ServiceContext } from '@errand/runtime';
import { startCommands } from './commands.ts';
import { checkConfig, type WebhooksConfig } from './config.ts';
import { type Dispatcher, startDispatcher } from './dispatch/dispatcher.ts';
import { startExpiring } from './dispatch/expire-deliveries.ts';
import { watchEndpoints } from './endpoints/directory.ts';
import { createEndpointStates, type EndpointStates } from './endpoints/endpoint-states.ts';
import { fanOutOfNews } from './endpoints/news.ts';
import { type IntakeDeps, onJobEnded } from './intake/on-job-ended.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { RETRY_SCHEDULE, type RetrySchedule } from './pacing/retry-schedule.ts';
import { createSending } from './sending/sender.ts';

const DAY_MS = 86_400_000;
const MAX_BATCH = 256;
const CLOCK_SYNC_MS = 60_000;

export interface WebhooksContext extends ServiceContext {
  readonly now?: () => number;
  readonly schedule?: RetrySchedule;
  /** How long a day of the delivery log is, in milliseconds: shorter ones are for tests of what many days leave behind. */
  readonly dayMs?: number;
}

/** Starts the webhooks service: endings of the log become deliveries, and deliveries HTTP calls, until disposed. */
export async function startWebhooks(
  config: WebhooksConfig,
  context: WebhooksContext,
): Promise<AsyncDisposable & { opsPort: number }> {
  checkConfig(config);
  const { log, schedule = RETRY_SCHEDULE, dayMs = DAY_MS } = context;
  await using resources = new AsyncDisposableStack();
  const db = openDatabase({
    url: config.databaseUrl,
    name: 'errand-webhooks',
    poolSize: config.databasePoolSize,
    onError: (err) => log.warn({ err }, 'postgres_connection_lost'),
  });
  resources.defer(() => db.destroy());
  let consuming = false;
  const { bus, ops, opsPort, stopping, stop } = await openWorker(resources, {
    service: 'webhooks',
    config,
    context,
    checks: ({ isConnected, isAnswering }) => ({
      consuming: () => consuming,
      nats: isConnected,
      log: isAnswering,
      postgres: () => isReachable(db),
    }),
    now: Date.now,
  });
  const metrics = createMetrics(ops.metrics);
  await migratePatiently(db, {
    signal: stopping,
    onRetry: (err) => log.warn({ err }, 'migration_waits_for_postgres'),
  });
  // What one process writes as due, another one sends, so all of them go by the clock of the database.
  const clock = createDatabaseClock(db);
  const now = context.now ?? clock.now;
  await clock.sync().catch((err) => log.warn({ err }, 'clock_not_compared'));
  void repeat(clock.sync, {
    everyMs: CLOCK_SYNC_MS,
    signal: stopping,
    onError: (err) => log.warn({ err }, 'clock_not_compared'),
  });
  const endpoints = resources.adopt(await watchEndpoints(bus, now), (watch) => watch.close());
  const actions = resources.adopt(await bus.buckets.watch(BUCKETS.actions, ActionRecord), (watch) =>
    watch.close(),
  );
  const partitions = (['webhook_message', 'webhook_delivery', 'webhook_attempt'] as const).map((table) =>
    createDailyPartitions(db, table, dayMs),
  );
  const hourMs = dayMs / 24;
  const retentionMs = config.retentionDays * dayMs;
  const lifeMs = config.deliveryLifeHours * hourMs;
  const states: EndpointStates = createEndpointStates({
    db,
    partitions,
    now,
    endpoints,
    onNews: ({ key, kind, state }) => {
      const ids = { tenant_id: key.tenantId, endpoint_id: key.endpointId };
      const about = { failing_since_ms: state.failingSinceMs, reason: state.disabledReason };
      log.warn({ ...ids, ...about }, `webhook_endpoint_${kind}`);
    },
    fanOutOf: (news) => fanOutOfNews(news, { endpoints, states, lifeMs }),
  });
  // Intake must know from the first event on which endpoints are disabled.
  await states.load([], new Set());
  const sending = createSending(config, context.tracing);
  const dispatcher = resources.use(
    startDispatcher(config, { db, bus, endpoints, states, sending, schedule, now, log, metrics }),
  );
  resources.use(
    startExpiring({ db, partitions, endpoints, retentionMs, everyMs: hourMs, now, log, metrics }),
  );
  const { publicUrl } = config;
  const intake = { db, bus, endpoints, states, actions, partitions, publicUrl, lifeMs, retentionMs };
  const { found, lift } = dispatcher;
  resources.use(
    await startCommands({
      ...intake,
      bus,
      sending,
      found,
      lift,
      now,
      log,
      replayBacklog: config.replayBacklog,
      retryMs: config.sweepIntervalMs,
    }),
  );
  const taking = takeIn({
    intake,
    bus,
    lingerMs: config.lingerMs,
    now,
    metrics,
    found,
    log,
    signal: stopping,
  });
  consuming = true;
  taking.catch(context.fail);
  resources.defer(async () => {
    consuming = false;
    stop();
    await taking.catch(() => {});
  });

  const started = resources.move();
  return { opsPort, [Symbol.asyncDispose]: () => started.disposeAsync() };
}

/** Takes endings in until stopped. */
function takeIn(
  options: {
    intake: Omit<IntakeDeps, 'nowMs' | 'move'>;
    bus: Bus;
    lingerMs: number;
    now: () => number;
    metrics: Metrics;
    found: Dispatcher['found'];
  } & Pick<ServiceContext, 'log' | 'signal'>,
): Promise<void> {
  const { intake, bus, lingerMs, now, metrics, found, log, signal } = options;
  const { name: reader } = WEBHOOKS_READER;
  const position = openLogPosition(intake.db, { reader, holder: `${process.pid} ${randomUUIDv7()}` });
  return bus.jobs.readInOrder({
    reader: WEBHOOKS_READER,
    position,
    // Receivers were told long ago of what another database had; whoever wants to hear of it again replays it.
    fillsAnew: false,
    maxBatch: MAX_BATCH,
    lingerMs,
    sinceMs: () => now() - intake.retentionMs,
    interest: async () => {
      await intake.endpoints.caughtUp();
      return ({ tenantId }) => intake.endpoints.hasAny(tenantId);
    },
    signal,
    onError: (err) => log.error({ err }, 'batch_failed'),
    onUnreadable: (event) => {
      metrics.unreadable.inc();
      log.error({ ...event }, 'unreadable_event');
    },
    take: async (batch, step) => {
      const began = performance.now();
      const move = step && { ...position, step };
      const deliveries = await onJobEnded(batch, { ...intake, nowMs: now(), ...(move ? { move } : {}) });
      if (!deliveries) return false;
      found(deliveries);
      metrics.accepted.inc(deliveries.length);
      const duration_ms = performance.now() - began;
      log.debug({ events: batch.length, deliveries: deliveries.length, duration_ms }, 'endings_taken_in');
      return true;
    },
  });
}
