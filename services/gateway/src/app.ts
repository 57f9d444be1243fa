import type { RecordedBucket } from '@errand/bus';
import type { Tenant } from '@errand/contracts';
import { Gauge, type Ops, type Wire } from '@errand/runtime';
import { Hono } from 'hono';
import type { CatalogueEntry } from './actions/action-catalogue.ts';
import { createLookup } from './actions/lookup.ts';
import { measureActions } from './actions/measure-actions.ts';
import type { AppDeps } from './app-deps.ts';
import { mountConsole } from './console/serve-console.ts';
import { createGroups, type Groups } from './groups.ts';
import { allowHosts } from './http/allow-hosts.ts';
import { createAuthenticator } from './http/authenticate.ts';
import { allowOrigins } from './http/cors.ts';
import type { Route } from './http/define-route.ts';
import { createKeyLimits } from './http/key-limits.ts';
import { problemOf, Refusal } from './http/problem.ts';
import { type Env, type Exchange, recordExchanges } from './http/request-log.ts';
import type { JobWatch } from './jobs/job-watch.ts';
import { measureKeyUsage } from './load/key-usage.ts';
import { createTenantChanges } from './load/tenant-changes.ts';
import { createTenantReads, type TenantReads } from './load/tenant-reads.ts';
import { mountActionRoutes, mountRoutes } from './mount.ts';
import { openapiDocument } from './openapi/document.ts';
import { actionRoutes, oidcRoutes, routes } from './routes.ts';

export interface App {
  /** The whole HTTP API as one function of a request. */
  readonly answer: (request: Request, wire?: Wire) => Promise<Response>;
  /** What its handlers take, for what goes on without a request. */
  readonly groups: Groups;
  readonly reads: TenantReads;
}

export function createApp(deps: AppDeps): App {
  const { log, ops } = deps;
  const { app, ...others } = createRouter(deps);
  const handle = (request: Request, exchange: Exchange) => app.fetch(request, exchange);
  return { answer: recordExchanges({ log, metrics: ops.metrics, handle }), ...others };
}

/** Every path of the API with its handlers. */
function createRouter(deps: AppDeps): Pick<App, 'groups' | 'reads'> & { app: Hono<Env> } {
  const { config, tenantBucket, keys, log, ops, oidc } = deps;
  const app = new Hono<Env>();
  app.notFound((c) => problemOf(new Refusal('unknown_route'), c, log));
  app.onError((error, c) => problemOf(error, c, log));

  const tenants = createLookup(withoutDeleting(tenantBucket));
  const { asTenant, asAdmin, whoIs } = createAuthenticator({
    tokens: deps.tokens,
    sessions: deps.sessions,
    keys: createLookup(keys),
    tenants,
    portals: deps.portals.lookup,
    requests: deps.keyRequests,
    onUse: deps.keyUses.used,
    now: deps.now,
  });
  const reads = createTenantReads(Math.floor(config.databasePoolSize / 2));
  const { configChangesPerDay: perDay } = config;
  const changes = createTenantChanges({ log: deps.bus.config, perDay, now: deps.now });
  const described = { routes: [...routes, ...(oidc ? oidcRoutes : [])], actionRoutes };
  const describe = (entries: readonly CatalogueEntry[]) => openapiDocument(described, entries);
  const groups = createGroups({ ...deps, tenants, reads, describe, whoIs });
  measureWaits(ops, groups.jobs.watch);
  measureActions(ops, deps.catalogue, deps.executors);
  measureKeyUsage(ops, () => deps.keyRequests.report());

  const mounted = {
    deps: groups,
    gate: { asTenant, asAdmin, reads, changes, onlyOwn: createKeyLimits(groups.jobs) },
  };
  const [healthChecks, others] = [
    routes.filter(isHealthCheck),
    routes.filter((route) => !isHealthCheck(route)),
  ];
  mountRoutes(app, healthChecks, mounted);
  if (config.allowedHosts) app.use(allowHosts(config.allowedHosts));
  // CORS costs every request: it is mounted only where origins are configured.
  if (config.corsOrigins.length > 0) app.use('/v2/*', allowOrigins(config.corsOrigins));
  mountRoutes(app, others, mounted);
  if (oidc) mountRoutes(app, oidcRoutes, { ...mounted, deps: { ...groups, oidc: { ...oidc, tenants } } });
  mountConsole(app, { portals: deps.portals.lookup, providerLabel: oidc?.settings.label });
  mountActionRoutes(app, actionRoutes, mounted);
  return { app, groups, reads };
}

/** A tenant that is being deleted is as one that there is not. */
function withoutDeleting(bucket: Pick<RecordedBucket<Tenant>, 'peek' | 'get'>) {
  const known = (tenant: Tenant | undefined) => (tenant?.deleting ? undefined : tenant);
  return {
    peek: (id: string) => known(bucket.peek(id)),
    get: async (id: string) => known(await bucket.get(id)),
  };
}

function isHealthCheck(route: Route<never>): boolean {
  return route.key === 'none' && route.hosts === 'any';
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
