import type { Members } from './http/check-options.ts';
import type { Transport } from './http/transport.ts';
import { idOf, type JobRef } from './jobs/job.ts';
import type { CallOptions } from './jobs/run.ts';

export interface TokenOptions extends CallOptions {
  /** What it may do, such as `jobs:read`; all of it must be among what the client's key may. */
  readonly scopes: readonly string[];
  /** Default: 15 minutes; at most a day. */
  readonly ttlMs?: number;
  /** The only job that it is for. */
  readonly job?: JobRef;
}

/** A token to be used in place of an API key, such as by a browser. It ends with the key that it was made with. */
export interface ChildToken {
  readonly token: string;
  readonly scopes: readonly string[];
  readonly job_id?: string;
  /** RFC 3339. */
  readonly expires_at: string;
}

export const TOKEN: Members<TokenOptions> = { scopes: true, ttlMs: true, job: true, signal: true };

export function createToken(transport: Transport, options: TokenOptions): Promise<ChildToken> {
  const { scopes, ttlMs, job, signal } = options;
  const body = {
    scopes,
    ...(ttlMs === undefined ? {} : { ttl_s: Math.max(1, Math.round(ttlMs / 1_000)) }),
    ...(job === undefined ? {} : { job_id: idOf(job) }),
  };
  return transport.json({ method: 'POST', path: '/tokens', body, isRepeatable: true, signal });
}
