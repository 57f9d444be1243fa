import { type Bus, openBus, type RecordedBucket } from '@errand/bus';
import { ApiKey, BUCKETS, IdempotencyRecord, KeyUse, Tenant, WebhookEndpoint } from '@errand/contracts';
import { openDatabase } from '@errand/postgres';
import {
  ConfigError,
  createCallbackKeys,
  createOps,
  createSecretBox,
  measureConflicts,
  repeat,
  type ServiceContext,
  watchClock,
} from '@errand/runtime';
import { type ActionCatalogue, openActionCatalogue, replacedActions } from './actions/action-catalogue.ts';
import { watchSettledBucket } from './actions/settled-bucket.ts';
import { type App, createApp } from './app.ts';
import { createBulkJobs } from './bulk/bulk-rows.ts';
import { openBulkStore } from './bulk/bulk-store.ts';
import { startBulkWorker } from './bulk/bulk-worker.ts';
import { createItemPace } from './bulk/work-on-page.ts';
import { answerCallbackKeys } from './callbacks/answer-keys.ts';
import type { GatewayConfig } from './config.ts';
import { createEndingsTable } from './feed/endings-rows.ts';
import { problemOfOverload } from './http/problem.ts';
import { createTokens } from './http/tokens.ts';
import { createJobStore } from './jobs/job-rows.ts';
import { createJobList } from './jobs/list/list-rows.ts';
import { listen } from './listen.ts';
import { createFairShare } from './load/fair-share.ts';
import { createKeyRequests } from './load/key-requests.ts';
import { measureConnections } from './load/key-usage.ts';
import { createKeyUses } from './load/key-uses.ts';
import { type LogRoom, watchLogRoom } from './load/log-room.ts';
import { createLoadCheck, createOverloadRefusal, limitAppends } from './load/overload.ts';
import { openPortalSessions } from './portal/portal-sessions.ts';
import { openScheduleStore } from './schedules/schedule-store.ts';
import { keepSchedules } from './schedules/ticks/keep-schedules.ts';
import { measureTicks } from './schedules/ticks/measure-ticks.ts';
import { oidcSettingsOf } from './session/oidc/oidc-settings.ts';
import { createOneTimeCodes } from './session/one-time-codes.ts';
import { createSessions } from './session/session-cookie.ts';
import { SpentToken } from './session/spent-token.ts';
import { createStatsTables } from './stats/stats-rows.ts';
import { createDeliveryLog } from './webhooks/deliveries/delivery-rows.ts';
import { createEndpointHealth } from './webhooks/endpoints/endpoint-health.ts';
import { hideExpired } from './webhooks/endpoints/endpoint-store.ts';
import { createReplayLog } from './webhooks/replays/replay-rows.ts';

/** How often records of changes that were not made are looked for. */
const SETTLE_MS = 600_000;
/** No change that is under way is older. */
const CHANGE_TAKES_MS = 30_000;

export interface GatewayContext extends ServiceContext {
  /** The wall clock, in milliseconds. */
  readonly now?: () => number;
  /** Instead of the log's own append: for measuring what a run costs without it. */
  readonly append?: Bus['jobs']['append'];
}

/**
 * Serves the API until disposed. It needs the log to start and does not need Postgres at all: without it, status
 * calls are answered from the log.
 * @throws ConfigError for a configuration whose parts contradict each other
 */
export async function startGateway(
  config: GatewayConfig,
  { log, tracing, signal, fail, now = Date.now, append }: GatewayContext,
): Promise<AsyncDisposable & { port: number; opsPort: number | undefined }> {
  assertConsistent(config);
  const oidcSettings = oidcSettingsOf(config);
  await using resources = new AsyncDisposableStack();
  const db = openDatabase({
    url: config.databaseUrl,
    name: 'errand-gateway',
    poolSize: config.databasePoolSize,
    statementTimeoutMs: config.statusDatabaseTimeoutMs,
    connectTimeoutMs: config.statusDatabaseTimeoutMs,
    onError: (err) => log.warn({ err }, 'postgres_connection_lost'),
  });
  resources.defer(() => db.destroy());
  let opened: { bus: Bus; keys: RecordedBucket<ApiKey>; catalogue: ActionCatalogue } | undefined;
  let app: App | undefined;
  let logRoom: LogRoom | undefined;
  const ops = createOps({
    service: 'gateway',
    checks: () => ({
      nats: () => opened?.bus.isConnected() ?? false,
      // Not before it serves what needs the log.
      log: () => app !== undefined && (opened?.bus.isAnswering() ?? false),
    }),
    abilities: { runs: () => logRoom?.hasRoom() ?? true },
    details: () => ({ replaced_actions: opened ? replacedActions(opened.catalogue) : [] }),
  });
  const box = createSecretBox(config.secretKey, config.otherSecretKeys);
  const callbackKeys = createCallbackKeys(config.secretKey, config.otherSecretKeys);
  const adminKeys = [config.adminKey, ...config.otherAdminKeys];
  const tokens = createTokens({ adminKeys, box });
  const share = createFairShare();
  const keyRequests = createKeyRequests({
    maxPerKey: config.requestsPerKey,
    share,
    describe: (keyId) => opened?.keys.peek(keyId) ?? { tenant_id: '', name: keyId },
    now,
  });
  await using serving = new AsyncDisposableStack();
  const ports = serving.use(
    await listen({
      config,
      ops,
      app: () => app,
      refuse: createOverloadRefusal({
        load: createLoadCheck(),
        share,
        answer: problemOfOverload,
        keyIdOf: (authorization) => tokens.read(authorization)?.keyId,
        // Only of keys that there are: others could be made up without end.
        onRefused: (keyId) => opened?.keys.peek(keyId) && keyRequests.addRefused(keyId),
      }),
    }),
  );
  measureConnections(ops, { all: ports.connections, withKey: keyRequests.connections });
  const bus = resources.use(
    await openBus({
      servers: config.natsUrl,
      access: config,
      name: 'errand-gateway',
      role: 'gateway',
      provisions: config.provisions,
      topology: config,
      signal,
      ackTimeoutMs: Math.min(2_000, config.appendTimeoutMs),
      onStatus: (status, detail) => log.warn({ status, detail }, 'nats_connection'),
      onReplaced: fail,
    }),
  );
  const catalogue = resources.use(await openActionCatalogue(bus, log));
  const executors = resources.use(await bus.buckets.watchHeartbeats());
  const tenantBucket = await watchSettledBucket(bus, 'tenant', Tenant);
  resources.defer(() => tenantBucket.close());
  const keys = await watchSettledBucket(bus, 'key', ApiKey, (keyId, key) => {
    if (!key) keyRequests.end(keyId);
  });
  resources.defer(() => keys.close());
  const endpointBucket = await watchSettledBucket(bus, 'endpoint', WebhookEndpoint);
  resources.defer(() => endpointBucket.close());
  opened = { bus, keys, catalogue };
  measureConflicts(ops.metrics, bus.jobs.conflicts);
  const { runsPercent, jobsTenantPercent: tenantPercent } = config;
  logRoom = resources.use(await watchLogRoom(bus, { runsPercent, tenantPercent, metrics: ops.metrics }));
  const stop = new AbortController();
  const stopping = AbortSignal.any([signal, stop.signal]);
  // Deadlines and starts are times by the clock of the log's server, whichever gateway writes them.
  let aheadMs = await bus.clockAheadMs().catch(() => 0);
  const measure = async () => {
    aheadMs = await bus.clockAheadMs();
    return aheadMs;
  };
  void watchClock({
    measure,
    maxOffMs: config.maxClockOffMs,
    metrics: ops.metrics,
    log,
    signal: stopping,
  });
  const logNow = () => now() - aheadMs;
  const settling = repeat(
    () => bus.config.settle({ actor: 'gateway', now: logNow, minAgeMs: CHANGE_TAKES_MS }),
    {
      everyMs: SETTLE_MS,
      signal: stopping,
      onError: (err) => stopping.aborted || log.warn({ err }, 'config_not_settled'),
    },
  );
  resources.defer(() => settling);
  // What goes on of a session ends with it, on every gateway.
  const spent = await bus.buckets.watch(BUCKETS.spentTokens, SpentToken, keyRequests.end);
  resources.defer(() => spent.close());
  const own = { box, spent, now: logNow };
  // Without a provider, what speaks with one is not even loaded.
  const oidc = oidcSettings && (await import('./session/oidc/open-oidc.ts')).openOidc(oidcSettings, own);
  const portals = resources.use(await openPortalSessions(bus, { now: logNow, onRevoked: keyRequests.end }));
  const bulkStore = resources.use(await openBulkStore(bus));
  const bulkJobs = createBulkJobs(db, log);
  const endings = createEndingsTable(db, log);
  const schedules = resources.use(await openScheduleStore(bus));
  app = createApp({
    bus: { ...bus, jobs: { ...bus.jobs, append: limitAppends(append ?? bus.jobs.append) } },
    config,
    catalogue,
    executors,
    tenantBucket,
    keys,
    endpoints: hideExpired(endpointBucket, logNow),
    log,
    tracing,
    keyRequests,
    keyUses: createKeyUses(await bus.buckets.open(BUCKETS.keyUses, KeyUse), logNow),
    tokens,
    sessions: createSessions({ adminKeys, provider: oidcSettings, ...own }),
    codes: createOneTimeCodes(own),
    oidc,
    portals,
    now: logNow,
    stopping,
    idempotencyRecords: await bus.buckets.open(BUCKETS.idempotency, IdempotencyRecord),
    store: createJobStore(db, log),
    list: createJobList(db, log),
    health: createEndpointHealth(db, log),
    deliveries: createDeliveryLog(db, log),
    replays: createReplayLog(db, log),
    endings,
    bulkStore,
    bulkJobs,
    schedules,
    stats: createStatsTables(db, log),
    box,
    callbackKeys,
    ops,
    logRoom,
  });
  resources.defer(
    await answerCallbackKeys(bus.commands, { keys: callbackKeys, publicUrl: config.publicUrl }),
  );
  resources.use(
    startBulkWorker({
      store: bulkStore,
      jobs: bulkJobs,
      runs: app.groups,
      reads: app.reads,
      endings,
      tenants: tenantBucket,
      pace: createItemPace(config.bulkJobsPerSecond),
      concurrency: config.bulkConcurrency,
      leaseMs: config.bulkLeaseMs,
      now: logNow,
      log,
      stopping,
    }),
  );
  resources.use(
    keepSchedules({
      ...app.groups.schedules,
      bus,
      runs: app.groups,
      tenants: tenantBucket,
      leaseMs: config.schedulesLeaseMs,
      catchUpMs: config.scheduleCatchUpHours * 3_600_000,
      log,
      stopping,
      onTick: measureTicks(ops.metrics),
    }),
  );
  resources.use(serving.move());
  // Disposed of first: who is waiting is answered, so that the server can close.
  resources.defer(() => stop.abort());
  const { port, opsPort } = ports;
  log.info({ host: config.host, port, ops_port: opsPort }, 'listening');
  const started = resources.move();
  return { port, opsPort, [Symbol.asyncDispose]: () => started[Symbol.asyncDispose]() };
}

function assertConsistent(config: GatewayConfig): void {
  if (config.adminOnOpsPort && config.opsPort === undefined) {
    throw new ConfigError('ERRAND_ADMIN_ON_OPS_PORT needs a port: set ERRAND_OPS_PORT');
  }
  if (config.opsPort === config.port && config.port !== 0) {
    throw new ConfigError(`ERRAND_PORT and ERRAND_OPS_PORT are both ${config.port}`);
  }
  if (config.jobMaxLifeHours < config.jobsMaxAgeHours) return;
  throw new ConfigError(
    `ERRAND_JOB_MAX_LIFE_HOURS (${config.jobMaxLifeHours}) must be less than ERRAND_JOBS_MAX_AGE_HOURS ` +
      `(${config.jobsMaxAgeHours}): a job must end while the log still holds its events`,
  );
}
