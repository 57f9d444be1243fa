import { type ApiKey, type KeyScope, type PortalSession, type Tenant, TenantId } from '@errand/contracts';
import type { Lookup } from '../actions/lookup.ts';
import type { KeyRequests } from '../load/key-requests.ts';
import type { Sessions } from '../session/session-cookie.ts';
import type { KeyLimits } from './key-limits.ts';
import { Refusal } from './problem.ts';
import type { Ctx } from './request-log.ts';
import { ADMIN, type ChildToken, type Token, type Tokens } from './tokens.ts';

/** Who asks, for one tenant. `name` is that of the API key. */
export interface Caller {
  readonly name: string;
  readonly tenantId: string;
  /** Who its changes are recorded as made by. */
  readonly actor: string;
  /** What else its key may not. */
  readonly only: KeyLimits;
  /** Whether its key has a scope. */
  readonly may: (scope: KeyScope) => boolean;
  /** Absent for the admin key and for child tokens. */
  readonly key?: OwnKey;
}

/** The key that a caller has itself. */
interface OwnKey extends Pick<ApiKey, 'scopes' | 'expires_at'> {
  readonly id: string;
}

export type Handler = (c: Ctx) => Response | Promise<Response>;
export type TenantHandler = (c: Ctx, caller: Caller) => Response | Promise<Response>;

/** Whose a token is. The admin key has no `key`. */
export interface Identity {
  readonly keyId: string;
  readonly key?: ApiKey;
  readonly child?: ChildToken;
  /** When the key or the token ends, in Unix milliseconds; Infinity: never. */
  readonly endsMs: number;
  /** The session that it is of, of the console or of a portal: what goes on ends with it. */
  readonly sessionId: string | undefined;
  readonly portal?: PortalSession | undefined;
}

export interface Authenticator {
  /** @throws Refusal unauthorized, for a token of no key that is valid now */
  whoIs(token: Token): Promise<Identity>;
  /** Lets in the tenant's own keys and the admin key. Another tenant's key is answered as if there were none. */
  asTenant(handler: TenantHandler, scope: KeyScope | 'any'): Handler;
  /** Lets in the admin key only. */
  asAdmin(handler: Handler): Handler;
}

const NO_LIMITS: KeyLimits = {};

export function createAuthenticator(deps: {
  tokens: Pick<Tokens, 'read'>;
  sessions: Pick<Sessions, 'read'>;
  /** By their ids. */
  keys: Lookup<ApiKey>;
  tenants: Lookup<Tenant>;
  portals: Lookup<PortalSession>;
  requests: KeyRequests;
  /** Told of each request that was let in. */
  onUse: (keyId: string) => void;
  /** Unix milliseconds. */
  now: () => number;
}): Authenticator {
  const tokenOf = (c: Ctx) => {
    const { raw } = c.req;
    const token = deps.tokens.read(raw.headers.get('authorization')) ?? deps.sessions.read(raw);
    if (token === undefined) throw new Refusal('unauthorized');
    return token;
  };

  async function whoIs({ keyId, child, session }: Token): Promise<Identity> {
    const sessionEndsMs = session?.endsMs ?? Number.POSITIVE_INFINITY;
    const sessionId = child?.portal_id ?? session?.id;
    if (keyId === ADMIN) return { keyId, endsMs: sessionEndsMs, sessionId };
    const found = deps.keys.find(keyId);
    const key = found instanceof Promise ? await found : found;
    const endsMs = Math.min(endOf(key, child), sessionEndsMs);
    if (!key || endsMs <= deps.now()) throw new Refusal('unauthorized');
    // A key that was being made while its tenant was deleted.
    const tenant = deps.tenants.find(key.tenant_id);
    if (!(tenant instanceof Promise ? await tenant : tenant)) throw new Refusal('unauthorized');
    const portal = child?.portal_id === undefined ? undefined : await deps.portals.find(child.portal_id);
    if (child?.portal_id !== undefined && !portal) throw new Refusal('unauthorized');
    return { keyId, key, endsMs, sessionId, portal, ...(child ? { child } : {}) };
  }

  async function tenantCaller(c: Ctx, scope: KeyScope | 'any'): Promise<{ caller: Caller } & Identity> {
    const who = await whoIs(tokenOf(c));
    const { keyId, key, child, portal } = who;
    const tenantId = c.req.param('tenant_id') ?? '';
    if (!key) {
      const known = TenantId.safeParse(tenantId).success && (await deps.tenants.find(tenantId));
      if (!known) throw new Refusal('unknown_tenant');
      return { caller: { name: ADMIN, tenantId, actor: ADMIN, only: NO_LIMITS, may: () => true }, ...who };
    }
    if (key.tenant_id !== tenantId) throw new Refusal('unknown_tenant');
    const caller = callerOf(keyId, key, { child, portal });
    if (scope !== 'any') assertMay(caller, scope);
    deps.onUse(keyId);
    return { caller, ...who };
  }

  return {
    whoIs,
    asTenant: (handler, scope) => async (c) => {
      const { caller, keyId, endsMs, sessionId } = await tenantCaller(c, scope);
      c.env.tenantId = caller.tenantId;
      const lifeMs = endsMs === Number.POSITIVE_INFINITY ? endsMs : endsMs - deps.now();
      return deps.requests.handle(c, { keyId, sessionId, lifeMs }, () => handler(c, caller));
    },
    asAdmin: (handler) => (c) => {
      if (tokenOf(c).keyId !== ADMIN) throw new Refusal('unauthorized');
      return handler(c);
    },
  };
}

function callerOf(
  id: string,
  key: ApiKey,
  { child, portal }: { child: ChildToken | undefined; portal: PortalSession | undefined },
): Caller {
  const { name, tenant_id: tenantId, actions, scopes, expires_at } = key;
  const { metadata_filter: own } = key;
  const narrower = portal?.metadata_filter;
  // Whoever made the session has seen that they agree.
  const metadata = own && narrower ? { ...narrower, ...own } : (own ?? narrower);
  const isLimited = actions || metadata || child?.job_id !== undefined;
  const only = isLimited ? { actions, metadata, jobId: child?.job_id } : NO_LIMITS;
  const may = (scope: KeyScope) => mayDo(scopes, scope) && mayDo(child?.scopes, scope);
  const itself = child ? {} : { key: { id, scopes, expires_at } };
  return { name, tenantId, actor: `key:${id}`, only, may, ...itself };
}

/** @throws Refusal forbidden for a key without the scope */
export function assertMay({ may }: Caller, scope: KeyScope): void {
  if (!may(scope)) throw new Refusal('forbidden', { detail: `The key does not have the scope ${scope}.` });
}

/** Unix milliseconds; Infinity for a key without an end. */
function endOf(key: ApiKey | undefined, child: ChildToken | undefined): number {
  const ends = [key?.expires_at && Date.parse(key.expires_at), child?.ends_ms];
  return Math.min(...ends.map((each) => each || Number.POSITIVE_INFINITY));
}

/** A list that is absent has all. */
function mayDo(scopes: readonly KeyScope[] | undefined, scope: KeyScope): boolean {
  return scopes === undefined || scopes.includes(scope);
}
