import { hash, timingSafeEqual } from 'node:crypto';
import { type ApiKey, type KeyScope, type Tenant, TenantId } from '@errand/contracts';
import type { Lookup } from '../actions/lookup.ts';
import type { KeyRequests } from '../load/key-requests.ts';
import { Refusal } from './problem.ts';
import type { Ctx } from './request-log.ts';

/** Who asks, for one tenant. `name` is that of the API key. */
export interface Caller {
  readonly name: string;
  readonly tenantId: string;
  /** The only actions that its key is for; undefined: all. */
  readonly actions?: readonly string[] | undefined;
}

export type Handler = (c: Ctx) => Response | Promise<Response>;
export type TenantHandler = (c: Ctx, caller: Caller) => Response | Promise<Response>;

export interface Authenticator {
  /** Lets in the tenant's own keys and the admin key. Another tenant's key is answered as if there were none. */
  asTenant(handler: TenantHandler, scope: KeyScope | 'any'): Handler;
  /** Lets in the admin key only. */
  asAdmin(handler: Handler): Handler;
}

/** What the admin key goes by. */
const ADMIN = 'admin';
const BEARER = /^Bearer +([\x21-\x7e]{1,256})$/i;

/** Checks bearer tokens. Only a token's hash is ever compared or looked up. */
export function createAuthenticator(deps: {
  adminKey: string;
  /** By the token's SHA-256 in hex. */
  keys: Lookup<ApiKey>;
  tenants: Lookup<Tenant>;
  requests: KeyRequests;
  /** Unix milliseconds. */
  now: () => number;
}): Authenticator {
  const adminDigest = digestOf(deps.adminKey);

  async function tenantCaller(c: Ctx, scope: KeyScope | 'any'): Promise<{ caller: Caller; keyId: string }> {
    const digest = digestOf(tokenOf(c));
    const tenantId = c.req.param('tenant_id') ?? '';
    if (timingSafeEqual(digest, adminDigest)) {
      const known = TenantId.safeParse(tenantId).success && (await deps.tenants.find(tenantId));
      if (!known) throw new Refusal('unknown_tenant');
      return { caller: { name: ADMIN, tenantId }, keyId: ADMIN };
    }
    const keyId = digest.toString('hex');
    const found = deps.keys.find(keyId);
    const key = found instanceof Promise ? await found : found;
    if (!key || isOver(key, deps.now())) throw new Refusal('unauthorized');
    if (key.tenant_id !== tenantId) throw new Refusal('unknown_tenant');
    if (scope !== 'any' && key.scopes && !key.scopes.includes(scope)) {
      throw new Refusal('forbidden', { detail: `The key does not have the scope ${scope}.` });
    }
    return { caller: { name: key.name, tenantId, actions: key.actions }, keyId };
  }

  return {
    asTenant: (handler, scope) => async (c) => {
      const { caller, keyId } = await tenantCaller(c, scope);
      c.env.tenantId = caller.tenantId;
      return deps.requests.handle(c, keyId, () => handler(c, caller));
    },
    asAdmin: (handler) => (c) => {
      if (!timingSafeEqual(digestOf(tokenOf(c)), adminDigest)) throw new Refusal('unauthorized');
      return handler(c);
    },
  };
}

function isOver({ expires_at }: ApiKey, nowMs: number): boolean {
  return expires_at !== undefined && Date.parse(expires_at) <= nowMs;
}

/** The id that the key of a header has, if there is such a key. */
export function keyIdOf(authorization: string): string | undefined {
  const token = BEARER.exec(authorization)?.[1];
  return token === undefined ? undefined : digestOf(token).toString('hex');
}

function tokenOf(c: Ctx): string {
  const token = BEARER.exec(c.req.raw.headers.get('authorization') ?? '')?.[1];
  if (token === undefined) throw new Refusal('unauthorized');
  return token;
}

/** Of the tokens that were seen last: callers send the same ones again and again. */
const digests = new Map<string, Buffer>();
const MOST_DIGESTS = 1_000;

function digestOf(token: string): Buffer {
  const known = digests.get(token);
  if (known) return known;
  const digest = hash('sha256', token, 'buffer');
  if (digests.size >= MOST_DIGESTS) digests.clear();
  digests.set(token, digest);
  return digest;
}
