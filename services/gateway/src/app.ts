import type { Bus, WatchedBucket } from '@errand/bus';
import type { ApiKey, Tenant } from '@errand/contracts';
import type { Logger, Ops, SecretBox } from '@errand/runtime';
import { Hono } from 'hono';
import type { ActionCatalogue } from './action-catalogue.ts';
import type { GatewayConfig } from './config.ts';
import type { JobStore } from './job-store.ts';
import { createLookup } from './lookup.ts';
import { createAuthenticator, type Handler } from './middleware/authenticate.ts';
import { type Env, recordExchanges } from './middleware/exchange.ts';
import { problemOf, Refusal } from './problem.ts';
import { changeWebhook } from './routes/change-webhook.ts';
import { createKey } from './routes/create-key.ts';
import { createWebhook } from './routes/create-webhook.ts';
import { deleteKey } from './routes/delete-key.ts';
import { deleteWebhook } from './routes/delete-webhook.ts';
import { getAction } from './routes/get-action.ts';
import { getJob } from './routes/get-job.ts';
import { getStatus } from './routes/get-status.ts';
import { getWebhook } from './routes/get-webhook.ts';
import { listActions } from './routes/list-actions.ts';
import { listKeys } from './routes/list-keys.ts';
import { listWebhooks } from './routes/list-webhooks.ts';
import { putTenant } from './routes/put-tenant.ts';
import { runAction } from './routes/run-action.ts';
import type { EndpointBucket } from './webhooks/endpoint-store.ts';

export interface AppDeps {
  readonly config: GatewayConfig;
  readonly bus: Bus;
  readonly store: JobStore;
  readonly catalogue: ActionCatalogue;
  readonly tenantBucket: WatchedBucket<Tenant>;
  readonly keys: WatchedBucket<ApiKey>;
  readonly endpoints: EndpointBucket;
  readonly box: SecretBox;
  readonly ops: Ops;
  readonly log: Logger;
  readonly now: () => number;
}

const HOUR_MS = 3_600_000;
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
type Method = (typeof METHODS)[number];

/** The whole HTTP API as one function of a request. */
export function createApp(deps: AppDeps): (request: Request) => Promise<Response> {
  const { config, tenantBucket, keys, log, ops } = deps;
  const app = new Hono<Env>();
  app.notFound((c) => problemOf(new Refusal('unknown_route'), c, log));
  app.onError((error, c) => problemOf(error, c, log));

  const tenants = createLookup(tenantBucket);
  const { adminKey } = config;
  const { asTenant, asAdmin } = createAuthenticator({ adminKey, keys: createLookup(keys), tenants });
  const shared = {
    ...deps,
    ...{ maxBodyBytes: config.maxBodyBytes, bodyTimeoutMs: config.bodyTimeoutMs },
    appendTimeoutMs: config.appendTimeoutMs,
    jobMaxLifeMs: config.jobMaxLifeHours * HOUR_MS,
    logKeepsMs: config.jobsMaxAgeHours * HOUR_MS,
    allowHttp: config.webhooksAllowHttp,
    endpointsPerTenant: config.webhookEndpointsPerTenant,
    tenants,
  };

  for (const path of ['/healthz', '/readyz', '/metrics']) {
    mount(app, path, { GET: (c) => ops.routes.fetch(c.req.raw) });
  }
  mount(app, '/admin/tenants/:tenant_id', {
    PUT: asAdmin(putTenant({ tenants: tenantBucket, now: deps.now })),
  });
  mount(app, '/admin/tenants/:tenant_id/keys', {
    POST: asAdmin(createKey(shared)),
    GET: asAdmin(listKeys(shared)),
  });
  mount(app, '/admin/keys/:key_id', { DELETE: asAdmin(deleteKey(shared)) });

  const tenant = '/v2/tenants/:tenant_id';
  mount(app, `${tenant}/jobs/:job_id`, { GET: asTenant(getJob(shared)) });
  mount(app, `${tenant}/actions`, { GET: asTenant(listActions(shared)) });
  mount(app, `${tenant}/actions/:name`, { GET: asTenant(getAction(shared)) });
  mount(app, `${tenant}/webhooks`, {
    POST: asTenant(createWebhook(shared)),
    GET: asTenant(listWebhooks(shared)),
  });
  mount(app, `${tenant}/webhooks/:endpoint_id`, {
    GET: asTenant(getWebhook(shared)),
    PATCH: asTenant(changeWebhook(shared)),
    DELETE: asTenant(deleteWebhook(shared)),
  });
  mountActions(app, { run: asTenant(runAction(shared)), status: asTenant(getStatus(shared)) });

  return recordExchanges({
    log,
    metrics: ops.metrics,
    handle: (request, exchange) => app.fetch(request, exchange),
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

/** Resources are as deep as their actions say, so runs and status calls are told by their last word. */
function mountActions(app: Hono<Env>, handlers: { run: Handler; status: Handler }): void {
  const kinds = [
    { verb: 'run', method: 'POST', handler: handlers.run },
    { verb: 'status', method: 'GET', handler: handlers.status },
  ].map((kind) => ({ ...kind, refuse: refuseMethod(kind.method), suffix: `/${kind.verb}` }));
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
