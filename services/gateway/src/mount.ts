import type { Hono } from 'hono';
import type { Authenticator, Handler, TenantHandler } from './http/authenticate.ts';
import type { ActionRoute, Route } from './http/define-route.ts';
import type { createKeyLimits } from './http/key-limits.ts';
import { Refusal } from './http/problem.ts';
import { withoutParameters } from './http/read-query.ts';
import type { Env } from './http/request-log.ts';
import type { TenantChanges } from './load/tenant-changes.ts';
import type { TenantReads } from './load/tenant-reads.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
type Method = (typeof METHODS)[number];

export interface Gate extends Pick<Authenticator, 'asTenant' | 'asAdmin'> {
  readonly reads: TenantReads;
  readonly changes: TenantChanges;
  /** Keeps keys that are for some actions and jobs to these. */
  readonly onlyOwn: ReturnType<typeof createKeyLimits>;
}

/**
 * Puts routes at their paths; the other methods of a path answer 405, and HEAD is answered like GET. Of two paths that
 * fit, the one with fewer parameters counts.
 */
export function mountRoutes<Deps>(
  app: Hono<Env>,
  routes: readonly Route<Deps>[],
  { deps, gate }: { deps: Deps; gate: Gate },
): void {
  const byPath = Map.groupBy(routes, ({ path }) => path);
  const paths = [...byPath].sort(([a], [b]) => parametersOf(a) - parametersOf(b));
  for (const [path, those] of paths) {
    const handlers = new Map(those.map((route) => [methodOf(route), handlerOf(route, deps, gate)]));
    const refuse = refuseMethod(METHODS.filter((method) => handlers.has(method)).join(', '));
    // One handler for each path and method: a second one that might follow would cost every request.
    for (const method of METHODS) {
      const handler = handlers.get(method) ?? refuse;
      app.on(method, path.replaceAll(/\{(\w+)\}/g, ':$1'), (c) => {
        c.env.route = path;
        return handler(c);
      });
    }
  }
}

/** Resources have any depth, so the last word of a path says what is wanted of the action. */
export function mountActionRoutes<Deps>(
  app: Hono<Env>,
  routes: readonly ActionRoute<Deps>[],
  { deps, gate }: { deps: Deps; gate: Gate },
): void {
  const kinds = routes.map((route) => ({
    route: `/v2/tenants/{tenant_id}/{resource}/{action}/${route.verb}`,
    suffix: `/${route.verb}`,
    method: methodOf(route),
    handler: gate.asTenant(gate.onlyOwn('action', route.handle(deps)), route.scope),
    refuse: refuseMethod(methodOf(route)),
  }));
  app.on([...METHODS], '/v2/tenants/:tenant_id/*', (c) => {
    const { path } = c.req;
    const kind = kinds.find(({ suffix }) => path.endsWith(suffix));
    if (!kind) throw new Refusal('unknown_route');
    c.env.route = kind.route;
    const method = c.req.method === 'HEAD' ? 'GET' : c.req.method;
    return method === kind.method ? kind.handler(c) : kind.refuse(c);
  });
}

function handlerOf<Deps>(route: Route<Deps>, deps: Deps, gate: Gate): Handler {
  const { asTenant, asAdmin, reads, changes, onlyOwn } = gate;
  switch (route.key) {
    case 'none':
      return route.handle(deps);
    case 'admin':
      return asAdmin(route.handle(deps));
    case 'tenant': {
      const handler: TenantHandler = route.handle(deps);
      const checked = route.query === 'none' ? withoutParameters(handler) : handler;
      const changing = route.changes === 'limited' ? changes.limited(checked) : checked;
      const reading = route.reads === 'limited' ? reads.limited(changing) : changing;
      return asTenant(onlyOwn(aboutOf(route), reading), route.scope);
    }
  }
}

function aboutOf({ scope, path, keyLimits }: Extract<Route<never>, { key: 'tenant' }>) {
  if (scope === 'any' || keyLimits === 'kept') return 'nothing';
  return path.includes('{job_id}') ? 'job' : 'all';
}

function methodOf({ method }: { method: Lowercase<Method> }): Method {
  return method.toUpperCase() as Method;
}

function parametersOf(path: string): number {
  return path.split('{').length;
}

function refuseMethod(allow: string): Handler {
  return () => {
    throw new Refusal('method_not_allowed', { headers: { allow } });
  };
}
