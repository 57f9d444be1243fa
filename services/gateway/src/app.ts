import type { RecordedBucket } from '@errand/bus';
import type { Tenant } from '@errand/contracts';
import { Gauge, type Ops } from '@errand/runtime';
import { Hono } from 'hono';
import type { CatalogueEntry } from './actions/action-catalogue.ts';
import { createLookup, type Lookup } from './actions/lookup.ts';
import { measureActions } from './actions/measure-actions.ts';
import type { AppDeps } from './app-deps.ts';
import { mountConsole, mountPortal } from './console/serve-console.ts';
import { createGroups, type Groups } from './groups.ts';
import { allowHosts } from './http/allow-hosts.ts';
import { type Authenticator, createAuthenticator } from './http/authenticate.ts';
import { allowOrigins } from './http/cors.ts';
import type { Route } from './http/define-route.ts';
import { createKeyLimits } from './http/key-limits.ts';
import { problemOf, Refusal } from './http/problem.ts';
import { type Answer, type Env, recordExchanges } from './http/request-log.ts';
import type { JobWatch } from './jobs/job-watch.ts';
import { measureKeyUsage } from './load/key-usage.ts';
import { createTenantChanges, type TenantChanges } from './load/tenant-changes.ts';
import { createTenantReads, type TenantReads } from './load/tenant-reads.ts';
import { mountActionRoutes, mountRoutes } from './mount.ts';
import { openapiDocument } from './openapi/document.ts';
import type { Operation } from './openapi/operation.ts';
import { type Port, portsOf } from './ports.ts';
import { actionRoutes, oidcRoutes, routes } from './routes.ts';

export interface App {
  /** What the port of the API answers, as one function of a request. */
  readonly answer: Answer;
  /** What the ops port answers beside health and metrics; undefined where admins are served with everybody else. */
  readonly answerAdmins: Answer | undefined;
  /** What its handlers take, for what goes on without a request. */
  readonly groups: Groups;
  readonly reads: TenantReads;
}

export function createApp(deps: AppDeps): App {
  const { config, log, ops, tracing } = deps;
  const tenants = createLookup(withoutDeleting(deps.tenantBucket));
  const reads = createTenantReads(Math.floor(config.databasePoolSize / 2));
  const ports = portsOf(config, deps.oidc ? [...routes, ...oidcRoutes] : routes);
  const api = { ...ports.api, authenticator: authenticatorOf(deps, tenants, ports.api) };
  const describe = describeWith(api.routes);
  const groups = createGroups({ ...deps, tenants, reads, describe, whoIs: api.authenticator.whoIs });
  measureWaits(ops, groups.jobs.watch);
  measureActions(ops, deps.catalogue, deps.executors);
  measureKeyUsage(ops, () => deps.keyRequests.report());
  const { configChangesPerDay: perDay } = config;
  const changes = createTenantChanges({ log: deps.bus.config, perDay, now: deps.now });
  const parts = { deps, tenants, reads, changes };
  const record = recordExchanges({ log, metrics: ops.metrics, tracing });
  const answerBy = (app: Hono<Env>) => record((request, exchange) => app.fetch(request, exchange));
  return {
    answer: answerBy(createRouter(parts, { ...api, groups })),
    answerAdmins: ports.admins && answerBy(createRouter(parts, adminsShare(ports.admins))),
    groups,
    reads,
  };

  /** The same handlers, which know who admins are. */
  function adminsShare(port: Port): PortShare {
    const authenticator = authenticatorOf(deps, tenants, port);
    const session = { ...groups.session, whoIs: authenticator.whoIs };
    const service = { ...groups.service, describe: describeWith(port.routes) };
    return { ...port, authenticator, groups: { ...groups, session, service } };
  }
}

interface PortShare extends Port {
  readonly authenticator: Authenticator;
  readonly groups: Groups;
}

interface Parts {
  readonly deps: AppDeps;
  readonly tenants: Lookup<Tenant>;
  readonly reads: TenantReads;
  readonly changes: TenantChanges;
}

function authenticatorOf(deps: AppDeps, tenants: Lookup<Tenant>, { takesAdmins }: Port): Authenticator {
  return createAuthenticator({
    tokens: deps.tokens,
    sessions: deps.sessions,
    keys: createLookup(deps.keys),
    tenants,
    portals: deps.portals.lookup,
    requests: deps.keyRequests,
    takesAdmins,
    onUse: deps.keyUses.used,
    now: deps.now,
  });
}

function describeWith(described: readonly Operation[]) {
  return (entries: readonly CatalogueEntry[]) =>
    openapiDocument({ routes: described, actionRoutes }, entries);
}

/** Every path of a port with its handlers. */
function createRouter({ deps, tenants, reads, changes }: Parts, port: PortShare): Hono<Env> {
  const { config, log, oidc } = deps;
  const { groups, authenticator } = port;
  const app = new Hono<Env>();
  app.notFound((c) => problemOf(new Refusal('unknown_route'), c, log));
  app.onError((error, c) => problemOf(error, c, log));

  const { asTenant, asAdmin } = authenticator;
  const gate = { asTenant, asAdmin, reads, changes, onlyOwn: createKeyLimits(groups.jobs) };
  const mounted = { deps: groups, gate };
  const own = routes.filter((route) => port.routes.includes(route));
  mountRoutes(app, own.filter(isHealthCheck), mounted);
  if (config.allowedHosts) app.use(allowHosts(config.allowedHosts));
  // CORS costs every request: it is mounted only where origins are configured.
  if (port.isPublic && config.corsOrigins.length > 0) app.use('/v2/*', allowOrigins(config.corsOrigins));
  mountRoutes(
    app,
    own.filter((route) => !isHealthCheck(route)),
    mounted,
  );
  if (oidc) mountRoutes(app, oidcRoutes, { ...mounted, deps: { ...groups, oidc: { ...oidc, tenants } } });
  mountConsole(app, oidc?.settings.label);
  if (port.isPublic) mountPortal(app, deps.portals.lookup);
  mountActionRoutes(app, actionRoutes, mounted);
  return app;
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
