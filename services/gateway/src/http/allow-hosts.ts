import type { MiddlewareHandler } from 'hono';
import { Refusal } from './problem.ts';
import type { Env } from './request-log.ts';

/**
 * Answers under these host names only, whatever the port. A page whose own name was made to resolve to this gateway
 * sends that name, so it cannot drive a gateway that listens on the reader's machine (DNS rebinding).
 */
export function allowHosts(hosts: readonly string[]): MiddlewareHandler<Env> {
  const allowed = new Set(hosts);
  return async (c, next) => {
    if (!allowed.has(new URL(c.req.url).hostname)) throw new Refusal('unknown_host');
    await next();
  };
}
