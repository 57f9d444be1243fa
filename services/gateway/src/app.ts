import type { Bucket, Bus, Heartbeats, WatchedBucket } from '@errand/bus';
import { type ApiKey, type IdempotencyRecord, payloadLifeMs, type Tenant } from '@errand/contracts';
import { createLimiter, Gauge, type Logger, type Ops, type SecretBox, type Wire } from '@errand/runtime';
import { Hono } from 'hono';
import type { ActionCatalogue } from './actions/action-catalogue.ts';
import { deleteAction } from './actions/delete-action.route.ts';
import { getAction } from './actions/get-action.route.ts';
import { listActions } from './actions/list-actions.route.ts';
import { createLookup, type Lookup } from './actions/lookup.ts';
import { measureActions } from './actions/measure-actions.ts';
import { createKey } from './admin/create-key.route.ts';
import { deleteKey } from './admin/delete-key.route.ts';
import { exportAudit } from './admin/export-audit.route.ts';
import { getKeyUsage } from './admin/get-key-usage.route.ts';
import { listDeadLetters } from './admin/list-dead-letters.route.ts';
import { listExecutors } from './admin/list-executors.route.ts';
import { listKeys } from './admin/list-keys.route.ts';
import { putTenant } from './admin/put-tenant.route.ts';
import { cancelRebuild, getRebuild, startRebuild } from './admin/rebuild.route.ts';
import { redriveDeadLetter } from './admin/redrive-dead-letter.route.ts';
import { verify } from './admin/verify.route.ts';
import type { GatewayConfig } from './config.ts';
import type { EndingsTable } from './feed/endings-rows.ts';
import { createFeed } from './feed/feed.ts';
import { getFeed } from './feed/get-feed.route.ts';
import { allowHosts } from './http/allow-hosts.ts';
import { createAuthenticator, type Handler } from './http/authenticate.ts';
import { allowOrigins } from './http/cors.ts';
import { createHeartbeat } from './http/heartbeat.ts';
import { problemOf, Refusal } from './http/problem.ts';
import { withoutParameters } from './http/read-query.ts';
import { type Env, recordExchanges } from './http/request-log.ts';
import { cancelActionJob, cancelJob } from './jobs/cancel-job.route.ts';
import { getJob } from './jobs/get-job.route.ts';
import { getResult } from './jobs/get-result.route.ts';
import { getStatus } from './jobs/get-status.route.ts';
import { getEvents } from './jobs/history/get-events.route.ts';
import { createLongLog } from './jobs/history/long-history.ts';
import type { JobStore } from './jobs/job-rows.ts';
import { createJobWatch, type JobWatch } from './jobs/job-watch.ts';
import { listJobs } from './jobs/list/list-jobs.route.ts';
import type { JobList } from './jobs/list/list-rows.ts';
import type { KeyRequests } from './load/key-requests.ts';
import { measureKeyUsage } from './load/key-usage.ts';
import type { LogRoom } from './load/log-capacity.ts';
import { createTenantReads } from './load/tenant-reads.ts';
import { getDocs, getDocsFile } from './openapi/get-docs.route.ts';
import { getOpenapi } from './openapi/get-openapi.route.ts';
import { runBatch } from './runs/batch/run-batch.route.ts';
import { createIdempotency } from './runs/idempotency.ts';
import { retryJob } from './runs/retry.route.ts';
import { runAction } from './runs/run.route.ts';
import type { DeliveryLog } from './webhooks/deliveries/delivery-rows.ts';
import { createTestAllowance } from './webhooks/deliveries/probe-allowance.ts';
import type { EndpointHealthStore } from './webhooks/endpoints/endpoint-health.ts';
import type { EndpointBucket } from './webhooks/endpoints/endpoint-store.ts';
import { createUrlRules } from './webhooks/endpoints/endpoint-url.ts';
import type { ReplayLog } from './webhooks/replays/replay-rows.ts';
import { webhookRoutes } from './webhooks/routes.ts';

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
