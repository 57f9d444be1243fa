import type { Bucket, Bus, Heartbeats, WatchedBucket } from '@errand/bus';
import { type ApiKey, type IdempotencyRecord, payloadLifeMs, type Tenant } from '@errand/contracts';
import { createLimiter, Gauge, type Logger, type Ops, type SecretBox, type Wire } from '@errand/runtime';
import { Hono } from 'hono';
import type { ActionCatalogue, CatalogueEntry } from './actions/action-catalogue.ts';
import { createLookup, type Lookup } from './actions/lookup.ts';
import { measureActions } from './actions/measure-actions.ts';
import type { GatewayConfig } from './config.ts';
import type { EndingsTable } from './feed/endings-rows.ts';
import { createFeed } from './feed/feed.ts';
import { allowHosts } from './http/allow-hosts.ts';
import { createAuthenticator } from './http/authenticate.ts';
import { allowOrigins } from './http/cors.ts';
import type { Route } from './http/define-route.ts';
import { createHeartbeat } from './http/heartbeat.ts';
import { problemOf, Refusal } from './http/problem.ts';
import { type Env, recordExchanges } from './http/request-log.ts';
import { createLongLog } from './jobs/history/long-history.ts';
import type { JobStore } from './jobs/job-rows.ts';
import { createJobWatch, type JobWatch } from './jobs/job-watch.ts';
import type { JobList } from './jobs/list/list-rows.ts';
import type { KeyRequests } from './load/key-requests.ts';
import { measureKeyUsage } from './load/key-usage.ts';
import type { LogRoom } from './load/log-capacity.ts';
import { createTenantReads } from './load/tenant-reads.ts';
import { mountActionRoutes, mountRoutes } from './mount.ts';
import { openapiDocument } from './openapi/document.ts';
import { actionRoutes, routes } from './routes.ts';
import { createIdempotency } from './runs/idempotency.ts';
import type { DeliveryLog } from './webhooks/deliveries/delivery-rows.ts';
import { createTestAllowance } from './webhooks/deliveries/probe-allowance.ts';
import type { EndpointHealthStore } from './webhooks/endpoints/endpoint-health.ts';
import type { EndpointBucket } from './webhooks/endpoints/endpoint-store.ts';
import { createUrlRules } from './webhooks/endpoints/endpoint-url.ts';
import type { ReplayLog } from './webhooks/replays/replay-rows.ts';

export interface AppDeps {
  readonly config: GatewayConfig;
  readonly bus: Bus;
  readonly store: JobStore;
  readonly list: JobList;
  readonly endings: EndingsTable;
  readonly catalogue: ActionCatalogue;
  readonly executors: Heartbeats;
  readonly tenantBucket: WatchedBucket<Tenant>;
  readonly keys: WatchedBucket<ApiKey>;
  readonly keyRequests: KeyRequests;
  readonly endpoints: EndpointBucket;
  readonly health: EndpointHealthStore;
  readonly deliveries: DeliveryLog;
  readonly replays: ReplayLog;
  readonly idempotencyRecords: Bucket<IdempotencyRecord>;
  readonly box: SecretBox;
  readonly ops: Ops;
  readonly room: LogRoom;
  readonly log: Logger;
  readonly now: () => number;
  /** Aborted when no more requests are to be waited for. */
  readonly stopping: AbortSignal;
}

const HOUR_MS = 3_600_000;
/** What an event's headers may take of a message. */
const EVENT_HEADERS_BYTES = 1_024;
/** Each goes through up to half a million entries. */
const AUDIT_READS_AT_ONCE = 2;

/** The whole HTTP API as one function of a request. */
export function createApp(deps: AppDeps): (request: Request, wire?: Wire) => Promise<Response> {
  const { log, ops } = deps;
  const app = createRouter(deps);
  return recordExchanges({
    log,
    metrics: ops.metrics,
    handle: (request, exchange) => app.fetch(request, exchange),
  });
}

/** Every path of the API with its handlers. */
function createRouter(deps: AppDeps): Hono<Env> {
  const { config, tenantBucket, keys, log, ops } = deps;
  const app = new Hono<Env>();
  app.notFound((c) => problemOf(new Refusal('unknown_route'), c, log));
  app.onError((error, c) => problemOf(error, c, log));

  const tenants = createLookup(tenantBucket);
  const { asTenant, asAdmin } = createAuthenticator({
    adminKey: config.adminKey,
    keys: createLookup(keys),
    tenants,
    requests: deps.keyRequests,
  });
  const shared = sharedBy(deps, tenants);
  measureWaits(ops, shared.watch);
  measureActions(ops, deps.catalogue, deps.executors);
  measureKeyUsage(ops, () => deps.keyRequests.report());

  const mounted = { deps: shared, gate: { asTenant, asAdmin, reads: shared.reads } };
  const [probes, others] = [routes.filter(isProbe), routes.filter((route) => !isProbe(route))];
  mountRoutes(app, probes, mounted);
  if (config.allowedHosts) app.use(allowHosts(config.allowedHosts));
  // CORS costs every request: it is mounted only where origins are configured.
  if (config.corsOrigins.length > 0) app.use('/v2/*', allowOrigins(config.corsOrigins));
  mountRoutes(app, others, mounted);
  mountActionRoutes(app, actionRoutes, mounted);
  return app;
}

function isProbe(route: Route<never>): boolean {
  return route.key !== 'tenant' && route.hosts === 'any';
}

/** What routes take of each other's world. */
function sharedBy(deps: AppDeps, tenants: Lookup<Tenant>) {
  const { config, bus, now } = deps;
  const reads = createTenantReads(Math.floor(config.databasePoolSize / 2));
  const { maxBodyBytes, bodyTimeoutMs } = config;
  return {
    ...deps,
    ...{ tenants, maxBodyBytes, bodyTimeoutMs },
    batchLimits: { maxBodyBytes: config.maxBatchBodyBytes, bodyTimeoutMs },
    maxEventBytes: () => bus.maxMessageBytes() - EVENT_HEADERS_BYTES,
    inlinePayloadBytes: config.inlinePayloadBytes,
    payloadLifeMs: payloadLifeMs(config),
    appendTimeoutMs: config.appendTimeoutMs,
    maxLifeMs: config.jobMaxLifeHours * HOUR_MS,
    defaultLifeMs: config.jobDefaultLifeHours * HOUR_MS,
    logKeepsMs: config.jobsMaxAgeHours * HOUR_MS,
    auditKeepsMs: config.auditMaxAgeDays * 24 * HOUR_MS,
    historyLimits: { maxEntries: config.historyMaxEntries, maxMs: config.historyTimeoutMs },
    inAuditTurn: createLimiter(AUDIT_READS_AT_ONCE),
    longLog: createLongLog(bus, { maxEntries: config.longLogMaxEntries, maxMs: config.longLogMaxMs }),
    urlRules: createUrlRules(config),
    endpointsPerTenant: config.webhookEndpointsPerTenant,
    testAllowance: createTestAllowance(config.webhookTestsPerMinute, now),
    describe: (entries: readonly CatalogueEntry[]) => openapiDocument({ routes, actionRoutes }, entries),
    reads,
    watch: createJobWatch(bus.jobs, deps.stopping),
    heartbeat: createHeartbeat(config.eventsHeartbeatMs),
    feed: createFeed({ bus, table: deps.endings, now, stopping: deps.stopping, reads }),
    feedHeartbeatMs: config.eventsHeartbeatMs,
    idempotency: createIdempotency({
      ...{ bus, now, records: deps.idempotencyRecords },
      takeoverMs: config.idempotencyTakeoverMs,
    }),
  };
}

function measureWaits({ metrics }: Ops, watch: JobWatch): void {
  new Gauge({
    name: 'errand_job_waits',
    help: 'Requests and streams that wait for their jobs',
    registers: [metrics],
    collect() {
      this.set(watch.size());
    },
  });
}
