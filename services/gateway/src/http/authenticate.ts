import { type ApiKey, type KeyScope, type PortalSession, type Tenant, TenantId } from '@errand/contracts';
import type { Lookup } from '../actions/lookup.ts';
import type { KeyRequests } from '../load/key-requests.ts';
import type { Sessions } from '../session/session-cookie.ts';
import type { KeyLimits } from './key-limits.ts';
import { actorOf, type Membership, type Person, type Role, SCOPES_OF } from './person.ts';
import { Refusal } from './problem.ts';
import type { Ctx } from './request-log.ts';
import { ADMIN, type ChildToken, type Token, type Tokens } from './tokens.ts';

/** Who asks, for one tenant. `name` is that of the API key, or what a person's provider knows the person by. */
export interface Caller {
  readonly name: string;
  readonly tenantId: string;
  /** Who its changes are recorded as made by. */
  readonly actor: string;
  /** What else its key may not. */
  readonly only: KeyLimits;
  /** Whether its key, or its role, has a scope. */
  readonly may: (scope: KeyScope) => boolean;
  /** `admin` for the admin key and admins; absent for a tenant's keys and tokens. */
  readonly role?: 'admin' | Role;
  /** Absent for the admin key, for people and for child tokens. */
  readonly key?: OwnKey;
}

/** The key that a caller has itself. */
interface OwnKey extends Pick<ApiKey, 'scopes' | 'expires_at'> {
  readonly id: string;
}

export type Handler = (c: Ctx) => Response | Promise<Response>;
export type TenantHandler = (c: Ctx, caller: Caller) => Response | Promise<Response>;
export type AdminHandler = (c: Ctx, admin: Pick<Caller, 'actor'>) => Response | Promise<Response>;

/** Whose a token is. The admin key and people have no `key`. */
export interface Identity {
  readonly keyId: string;
  readonly key?: ApiKey;
  readonly child?: ChildToken;
  /** When the key or the token ends, in Unix milliseconds; Infinity: never. */
  readonly endsMs: number;
  /** The session that it is of, of the console or of a portal: what goes on ends with it. */
  readonly sessionId: string | undefined;
  readonly portal?: PortalSession | undefined;
  /** With the memberships in tenants that there are. */
  readonly person?: Person | undefined;
}

export interface Authenticator {
  /** @throws Refusal unauthorized, for a token of no key that is valid now */
  whoIs(token: Token): Promise<Identity>;
  /** Lets in the tenant's own keys and people, and admins. To all others it answers as if there were no such tenant. */
  asTenant(handler: TenantHandler, scope: KeyScope | 'any'): Handler;
  /** Lets in the admin key and admins only. */
  asAdmin(handler: AdminHandler): Handler;
}

const NO_LIMITS: KeyLimits = {};
const ADMINS_ELSEWHERE = 'Admins are served on the ops port only.';

export function createAuthenticator(deps: {
  tokens: Pick<Tokens, 'read'>;
  sessions: Pick<Sessions, 'read'>;
  /** By their ids. */
  keys: Lookup<ApiKey>;
  tenants: Lookup<Tenant>;
  portals: Lookup<PortalSession>;
  requests: KeyRequests;
  /** Without, the admin key and sessions of admins open nothing here. */
  takesAdmins: boolean;
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

  async function whoIs({ keyId, child, session, person }: Token): Promise<Identity> {
    const sessionEndsMs = session?.endsMs ?? Number.POSITIVE_INFINITY;
    const sessionId = child?.portal_id ?? session?.id;
    if (keyId === ADMIN) {
      if (!deps.takesAdmins) throw new Refusal('unauthorized', { detail: ADMINS_ELSEWHERE });
      return { keyId, endsMs: sessionEndsMs, sessionId, person };
    }
    if (person) {
      const memberships = await present(person.memberships);
      if (memberships.length === 0) throw new Refusal('unauthorized');
      return { keyId, endsMs: sessionEndsMs, sessionId, person: { ...person, memberships } };
    }
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

  /** Those in tenants that there are. */
  async function present(memberships: readonly Membership[]): Promise<Membership[]> {
    const found = await Promise.all(memberships.map(({ tenant_id }) => deps.tenants.find(tenant_id)));
    return memberships.filter((_, index) => found[index]);
  }

  async function tenantCaller(c: Ctx, scope: KeyScope | 'any'): Promise<{ caller: Caller } & Identity> {
    const who = await whoIs(tokenOf(c));
    const { keyId, key, person } = who;
    const tenantId = c.req.param('tenant_id') ?? '';
    if (keyId === ADMIN) {
      const known = TenantId.safeParse(tenantId).success && (await deps.tenants.find(tenantId));
      if (!known) throw new Refusal('unknown_tenant');
      return { caller: adminCaller(tenantId, person), ...who };
    }
    const caller = key ? callerOf(keyId, key, who) : person && memberCaller(person, tenantId);
    if (caller?.tenantId !== tenantId) throw new Refusal('unknown_tenant');
    if (scope !== 'any') assertMay(caller, scope);
    if (key) deps.onUse(keyId);
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
      const { keyId, person } = tokenOf(c);
      if (keyId !== ADMIN) throw new Refusal('unauthorized');
      return handler(c, { actor: person ? actorOf(person) : ADMIN });
    },
  };
}

function adminCaller(tenantId: string, person: Person | undefined): Caller {
  const rights = { only: NO_LIMITS, may: () => true, role: ADMIN } as const;
  if (!person) return { name: ADMIN, tenantId, actor: ADMIN, ...rights };
  return { name: person.subject, tenantId, actor: actorOf(person), ...rights };
}

/** Undefined for a tenant in which the person has no role. */
function memberCaller(person: Person, tenantId: string): Caller | undefined {
  const role = person.memberships.find(({ tenant_id }) => tenant_id === tenantId)?.role;
  if (!role) return undefined;
  const may = (scope: KeyScope) => mayDo(SCOPES_OF[role], scope);
  return { name: person.subject, tenantId, actor: actorOf(person), only: NO_LIMITS, may, role };
}

function callerOf(id: string, key: ApiKey, { child, portal }: Pick<Identity, 'child' | 'portal'>): Caller {
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

/** @throws Refusal forbidden for a key or a role without the scope */
export function assertMay({ may, role }: Caller, scope: KeyScope): void {
  if (may(scope)) return;
  const holder = role ? `role ${role}` : 'key';
  throw new Refusal('forbidden', { detail: `The ${holder} does not have the scope ${scope}.` });
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
