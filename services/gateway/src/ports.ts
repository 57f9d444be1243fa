import type { GatewayConfig } from './config.ts';
import type { Route } from './http/define-route.ts';

/*
 * Which port serves what:
 *
 *                       /metrics   /admin, admins   /portal, CORS   all else
 * no ops port           API        API              API             API
 * an ops port           ops        API              API             API
 * … with admins on it   ops        ops              API             both
 *
 * The ops port answers /healthz, /readyz and /metrics without these routes, from the start of the process on.
 */

/** What a port has of the API. */
export interface Port {
  readonly routes: readonly Route<never>[];
  /** Whether the admin key, and sessions of admins, open something. */
  readonly takesAdmins: boolean;
  /** Whether pages of other origins are served. */
  readonly isPublic: boolean;
}

export function portsOf(
  { opsPort, adminOnOpsPort }: Pick<GatewayConfig, 'opsPort' | 'adminOnOpsPort'>,
  routes: readonly Route<never>[],
): { api: Port; admins: Port | undefined } {
  const takesAdmins = !adminOnOpsPort;
  const isOfApi = ({ path, key }: Route<never>) =>
    (opsPort === undefined || path !== '/metrics') && (takesAdmins || key !== 'admin');
  const api = { routes: routes.filter(isOfApi), takesAdmins, isPublic: true };
  if (takesAdmins) return { api, admins: undefined };
  const isOfAdmins = ({ path }: Route<never>) => !path.startsWith('/portal/');
  return { api, admins: { routes: routes.filter(isOfAdmins), takesAdmins: true, isPublic: false } };
}
