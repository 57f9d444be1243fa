import type { Bucket, Bus, Heartbeats, WatchedBucket } from '@errand/bus';
import { type ApiKey, type IdempotencyRecord, payloadLifeMs, type Tenant } from '@errand/contracts';
import { createLimiter, Gauge, type Logger, type Ops, type SecretBox, type Wire } from '@errand/runtime';
import { Hono } from 'hono';
import type { ActionCatalogue } from './action-catalogue.ts';
import type { GatewayConfig } from './config.ts';
import type { EndingsTable } from './feed/endings-table.ts';
import { createFeed } from './feed/feed.ts';
import { createHeartbeat } from './heartbeat.ts';
import { createIdempotency } from './idempotency.ts';
import type { JobList } from './job-list.ts';
import type { JobStore } from './job-store.ts';
import { createJobWatch, type JobWatch } from './job-watch.ts';
import type { KeyRequests } from './key-requests.ts';
import { measureKeyUsage } from './key-usage.ts';
import type { LogRoom } from './log-room.ts';
import { createLongLog } from './long-log.ts';
import { createLookup, type Lookup } from './lookup.ts';
import { measureActions } from './measure-actions.ts';
import { allowHosts } from './middleware/allow-hosts.ts';
import { allowOrigins } from './middleware/allow-origins.ts';
import { createAuthenticator, type Handler } from './middleware/authenticate.ts';
import { type Env, recordExchanges } from './middleware/exchange.ts';
import { problemOf, Refusal } from './problem.ts';
import { withoutParameters } from './query-reader.ts';
import { cancelActionJob, cancelJob } from './routes/cancel-job.ts';
import { createKey } from './routes/create-key.ts';
import { deleteAction } from './routes/delete-action.ts';
import { deleteKey } from './routes/delete-key.ts';
import { exportAudit } from './routes/export-audit.ts';
import { getAction } from './routes/get-action.ts';
import { getDocs, getDocsFile } from './routes/get-docs.ts';
import { getEvents } from './routes/get-events.ts';
import { getFeed } from './routes/get-feed.ts';
import { getJob } from './routes/get-job.ts';
import { getKeyUsage } from './routes/get-key-usage.ts';
import { getOpenapi } from './routes/get-openapi.ts';
import { getResult } from './routes/get-result.ts';
import { getStatus } from './routes/get-status.ts';
import { listActions } from './routes/list-actions.ts';
import { listDeadLetters } from './routes/list-dead-letters.ts';
import { listExecutors } from './routes/list-executors.ts';
import { listJobs } from './routes/list-jobs.ts';
import { listKeys } from './routes/list-keys.ts';
import { putTenant } from './routes/put-tenant.ts';
import { cancelRebuild, getRebuild, startRebuild } from './routes/rebuild-projection.ts';
import { redriveDeadLetter } from './routes/redrive-dead-letter.ts';
import { retryJob } from './routes/retry-job.ts';
import { runAction } from './routes/run-action.ts';
import { runBatch } from './routes/run-batch.ts';
import { verify } from './routes/verify.ts';
import { createTenantReads } from './tenant-reads.ts';
import { webhookRoutes } from './webhook-routes.ts';
import type { DeliveryLog } from './webhooks/delivery-log.ts';
import type { EndpointHealthStore } from './webhooks/endpoint-health.ts';
import type { EndpointBucket } from './webhooks/endpoint-store.ts';
import { createUrlRules } from './webhooks/endpoint-url.ts';
import type { ReplayLog } from './webhooks/replay-log.ts';
import { createTestAllowance } from './webhooks/test-allowance.ts';

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
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
type Method = (typeof METHODS)[number];

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
export function createRouter(deps: AppDeps): Hono<Env> {
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
  const { reads } = shared;
  measureWaits(ops, shared.watch);
  measureActions(ops, deps.catalogue, deps.executors);
  measureKeyUsage(ops, () => deps.keyRequests.report());

  const getOps: Handler = (c) => ops.routes.fetch(c.req.raw);
  mount(app, '/healthz', { GET: getOps });
  mount(app, '/readyz', { GET: getOps });
  // Behind the two that probes ask by address.
  if (config.allowedHosts) app.use(allowHosts(config.allowedHosts));
  mount(app, '/metrics', { GET: getOps });
  mount(app, '/openapi.json', { GET: getOpenapi(deps) });
  mount(app, '/docs', { GET: getDocs() });
  mount(app, '/docs/:file', { GET: getDocsFile() });
  mount(app, '/admin/tenants/:tenant_id', {
    PUT: asAdmin(putTenant({ tenants: tenantBucket, now: deps.now })),
  });
  mount(app, '/admin/tenants/:tenant_id/keys', {
    POST: asAdmin(createKey(shared)),
    GET: asAdmin(listKeys(shared)),
  });
  mount(app, '/admin/actions/:name', { DELETE: asAdmin(deleteAction(shared)) });
  mount(app, '/admin/keys/:key_id', { DELETE: asAdmin(deleteKey(shared)) });
  mount(app, '/admin/usage', { GET: asAdmin(getKeyUsage(deps)) });
  mount(app, '/admin/audit', { GET: asAdmin(exportAudit(shared)) });
  mount(app, '/admin/verify', { GET: asAdmin(verify(shared)) });
  mount(app, '/admin/executors', { GET: asAdmin(listExecutors({ executors: deps.executors.list })) });
  mount(app, '/admin/dead-letters', { GET: asAdmin(listDeadLetters(shared)) });
  mount(app, '/admin/dead-letters/:id/redrive', { POST: asAdmin(redriveDeadLetter(shared)) });
  mount(app, '/admin/projections/job_summary/rebuild', {
    POST: asAdmin(startRebuild(shared)),
    GET: asAdmin(getRebuild(shared)),
  });
  mount(app, '/admin/projections/job_summary/rebuild/cancel', { POST: asAdmin(cancelRebuild(shared)) });

  // Costs every request, so it is not there for nothing.
  if (config.corsOrigins.length > 0) app.use('/v2/*', allowOrigins(config.corsOrigins));
  const tenant = '/v2/tenants/:tenant_id';
  mount(app, `${tenant}/events`, { GET: asTenant(getFeed(shared)) });
  mount(app, `${tenant}/jobs`, { GET: asTenant(reads.limited(listJobs(shared))) });
  mount(app, `${tenant}/jobs/:job_id/cancel`, { POST: asTenant(cancelJob(shared)) });
  mount(app, `${tenant}/jobs/:job_id/retry`, { POST: asTenant(retryJob(shared)) });
  mount(app, `${tenant}/jobs/:job_id/result`, { GET: asTenant(getResult(shared)) });
  mount(app, `${tenant}/jobs/:job_id/events`, { GET: asTenant(getEvents(shared)) });
  mount(app, `${tenant}/jobs/:job_id`, { GET: asTenant(getJob(shared)) });
  mount(app, `${tenant}/actions`, { GET: asTenant(withoutParameters(listActions(shared))) });
  mount(app, `${tenant}/actions/:name`, { GET: asTenant(withoutParameters(getAction(shared))) });
  for (const [path, handlers] of webhookRoutes(asTenant, shared)) mount(app, tenant + path, handlers);
  mountActions(app, [
    { verb: 'run', method: 'POST', handler: asTenant(runAction(shared)) },
    { verb: 'run-batch', method: 'POST', handler: asTenant(runBatch(shared)) },
    { verb: 'status', method: 'GET', handler: asTenant(getStatus(shared)) },
    { verb: 'cancel', method: 'POST', handler: asTenant(cancelActionJob(shared)) },
  ]);
  return app;
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

/** Puts handlers at a path; its other methods answer 405. HEAD is answered like GET. */
function mount(app: Hono<Env>, path: string, handlers: Partial<Record<Method, Handler>>): void {
  const route = path.replaceAll(/:(\w+)/g, '{$1}');
  const allow = METHODS.filter((method) => handlers[method]).join(', ');
  // One handler for each path and method: a second one that might follow would cost every request.
  for (const method of METHODS) {
    const handler = handlers[method] ?? refuseMethod(allow);
    app.on(method, path, (c) => {
      c.env.route = route;
      return handler(c);
    });
  }
}

/** Resources are as deep as their actions say, so what is wanted of an action is told by the last word. */
function mountActions(
  app: Hono<Env>,
  handlers: readonly { verb: string; method: Method; handler: Handler }[],
): void {
  const kinds = handlers.map((kind) => ({
    ...kind,
    refuse: refuseMethod(kind.method),
    suffix: `/${kind.verb}`,
  }));
  app.on([...METHODS], '/v2/tenants/:tenant_id/*', (c) => {
    const { path } = c.req;
    const kind = kinds.find(({ suffix }) => path.endsWith(suffix));
    if (!kind) throw new Refusal('unknown_route');
    c.env.route = `/v2/tenants/{tenant_id}/{resource}/{action}/${kind.verb}`;
    const method = c.req.method === 'HEAD' ? 'GET' : c.req.method;
    return method === kind.method ? kind.handler(c) : kind.refuse(c);
  });
}

function refuseMethod(allow: string): Handler {
  return () => {
    throw new Refusal('method_not_allowed', { headers: { allow } });
  };
}
