import type { MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import type { Env } from './request-log.ts';

/** What callers send, and what they read of an answer, beyond what browsers let through by themselves. */
const SENT = [
  'authorization',
  'content-type',
  'idempotency-key',
  'if-none-match',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'prefer',
  'traceparent',
  'x-request-id',
];
const READ = [
  'content-disposition',
  'etag',
  'idempotency-replayed',
  'location',
  'retry-after',
  'www-authenticate',
  'x-request-id',
];
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
/** For how long a browser need not ask again. */
const MAX_AGE_S = 600;

/**
 * Lets pages of these origins call (the CORS protocol of the Fetch standard); `*` is any page. A session's cookie does not
 * count for them, so a page can do only what its key can.
 */
export function allowOrigins(origins: readonly string[]): MiddlewareHandler<Env> {
  return cors({
    origin: origins.includes('*') ? '*' : [...origins],
    allowMethods: METHODS,
    allowHeaders: SENT,
    exposeHeaders: READ,
    maxAge: MAX_AGE_S,
  });
}
