import type { KeyScope } from '@errand/contracts';
import type { ActionOperation } from '../openapi/describe-action.ts';
import type { Operation } from '../openapi/operation.ts';
import type { AdminHandler, Handler, TenantHandler } from './authenticate.ts';

/** One method at one path: what the OpenAPI document says of it, and what answers it. */
export type Route<Deps> = TenantRoute<Deps> | AdminRoute<Deps> | OpenRoute<Deps>;

interface TenantRoute<Deps> extends Operation {
  readonly key: 'tenant';
  /** What a key needs that has scopes; `any`: nothing. */
  readonly scope: KeyScope | 'any';
  /** `none`: it refuses every parameter in its query. */
  readonly query?: 'none';
  /** `limited`: its reads take turns with the tenant's other ones. */
  readonly reads?: 'limited';
  /** `limited`: it records a change of the tenant's configuration, of which there are only so many a day. */
  readonly changes?: 'limited';
  /** `kept`: its handler keeps to what a key is for. Otherwise only its `job_id` is looked at, or keys with limits are refused. */
  readonly keyLimits?: 'kept';
  readonly handle: (deps: Deps) => TenantHandler;
}

interface AdminRoute<Deps> extends Operation {
  readonly key: 'admin';
  readonly handle: (deps: Deps) => AdminHandler;
}

interface OpenRoute<Deps> extends Operation {
  readonly key: 'none';
  /** `any`: it also answers under hosts that are not allowed, since health checks ask by address. */
  readonly hosts?: 'any';
  readonly handle: (deps: Deps) => Handler;
}

/** A route that every action has at its own path. Callers use the key of a tenant. */
export interface ActionRoute<Deps> extends ActionOperation {
  readonly scope: KeyScope;
  readonly handle: (deps: Deps) => TenantHandler;
}

export function defineRoute<Deps>(route: TenantRoute<Deps>): TenantRoute<Deps>;
export function defineRoute<Deps>(route: AdminRoute<Deps>): AdminRoute<Deps>;
export function defineRoute<Deps>(route: OpenRoute<Deps>): OpenRoute<Deps>;
export function defineRoute<Deps>(route: Route<Deps>): Route<Deps> {
  return route;
}

export function defineActionRoute<Deps>(route: ActionRoute<Deps>): ActionRoute<Deps> {
  return route;
}
