import { hash, randomUUID } from 'node:crypto';
import type { SecretBox } from '@errand/runtime';
import { z } from 'zod';
import { ADMIN, ChildToken, type Token } from '../http/tokens.ts';
import type { SpentToken } from './spent-token.ts';

/*
 * A session of the console is a token in a cookie that scripts cannot read. The cookie says whose key it stands for, and
 * the key is looked at for each request, so that a key that is gone ends its sessions. A page of another origin cannot
 * use one: the cookie counts only for requests that the browser calls same-origin, and for changes only with a header
 * that such a page cannot send.
 */

/** On unsafe methods, with any value. */
export const CONSOLE_HEADER = 'errand-console';

const HOUR_MS = 3_600_000;
const TENANT_LIFE_MS = 12 * HOUR_MS;
const ADMIN_LIFE_MS = HOUR_MS;
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
const CONTEXT = ['session'];
const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::(\d+))?$/i;
const MOST_KNOWN = 1_000;

const Sealed = z.object({
  id: z.string(),
  key_id: z.string(),
  child: ChildToken.optional(),
  /** Unix milliseconds. */
  ends_ms: z.int(),
  /** Of the admin key's setting: a session of another one has ended. */
  admin: z.string().optional(),
});
type Sealed = z.infer<typeof Sealed>;

export interface Sessions {
  /** The token of the session that a request is of; undefined without one that counts. */
  read(request: Request): Token | undefined;
  /** A session for a token, which ends at `endsMs` (Unix milliseconds) or before, as a Set-Cookie header. */
  begin(
    token: Token,
    at: { host: string; nowMs: number; endsMs: number },
  ): { cookie: string; endsMs: number };
  /** Ends the session that a request is of, if there is one, on every gateway. @throws LogUnavailable */
  end(request: Request): Promise<void>;
  /** The Set-Cookie header that takes the cookie away. */
  clear(host: string): string;
}

export function createSessions(deps: {
  /** The first is the one of today. */
  adminKeys: readonly string[];
  box: SecretBox;
  /** Sessions that were ended. */
  spent: { peek(id: string): unknown; create(id: string, value: SpentToken): Promise<boolean> };
  now: () => number;
}): Sessions {
  const { box, spent, now } = deps;
  const adminDigests = deps.adminKeys.map((key) => hash('sha256', `session ${key}`, 'hex'));
  /** By cookies: a page sends the same one again and again. */
  const known = new Map<string, Sealed | undefined>();

  function open(value: string): Sealed | undefined {
    if (known.has(value)) return known.get(value);
    if (known.size >= MOST_KNOWN) known.clear();
    const session = tryOpen(value);
    known.set(value, session);
    return session;
  }

  function tryOpen(value: string): Sealed | undefined {
    try {
      const session = Sealed.parse(JSON.parse(box.open(value, CONTEXT)));
      const isOfToday = session.key_id !== ADMIN || adminDigests.includes(session.admin ?? '');
      return isOfToday ? session : undefined;
    } catch {
      return undefined;
    }
  }

  /** Another program on this machine may have set a cookie of the same name. */
  function sessionOf({ headers, method }: Request): Sealed | undefined {
    const cookies = headers.get('cookie');
    if (cookies === null || headers.get('sec-fetch-site') !== 'same-origin') return undefined;
    if (!SAFE.has(method) && !headers.has(CONSOLE_HEADER)) return undefined;
    for (const value of cookieValues(cookies, nameAt(headers.get('host') ?? '').name)) {
      const session = open(value);
      if (session && session.ends_ms > now() && spent.peek(session.id) === undefined) return session;
    }
    return undefined;
  }

  return {
    read(request) {
      const session = sessionOf(request);
      if (!session) return undefined;
      const { id, key_id: keyId, child, ends_ms: endsMs } = session;
      return { keyId, session: { id, endsMs }, ...(child ? { child } : {}) };
    },
    begin({ keyId, child }, { host, nowMs, endsMs: last }) {
      const isAdmin = keyId === ADMIN;
      const endsMs = Math.min(nowMs + (isAdmin ? ADMIN_LIFE_MS : TENANT_LIFE_MS), last);
      const session: Sealed = {
        id: randomUUID(),
        key_id: keyId,
        ends_ms: endsMs,
        ...(child ? { child } : {}),
        ...(isAdmin ? { admin: adminDigests[0] } : {}),
      };
      const lifeS = Math.floor((endsMs - nowMs) / 1_000);
      return { cookie: cookieOf(host, box.seal(JSON.stringify(session), CONTEXT), lifeS), endsMs };
    },
    async end(request) {
      const session = sessionOf(request);
      if (session) await spent.create(session.id, {});
    },
    clear: (host) => cookieOf(host, '', 0),
  };
}

function cookieOf(host: string, value: string, lifeS: number): string {
  const { name, attributes } = nameAt(host);
  return `${name}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${lifeS}${attributes}`;
}

/**
 * Browsers keep a `__Host-` cookie for https only, and share cookies between the ports of a host: on this machine its
 * name has the port.
 */
function nameAt(host: string): { name: string; attributes: string } {
  const local = LOOPBACK.exec(host);
  return local
    ? { name: `errand_session_${local[1] ?? '80'}`, attributes: '' }
    : { name: '__Host-errand_session', attributes: '; Secure' };
}

function cookieValues(cookies: string, name: string): string[] {
  const pairs = cookies.split(';').map((each) => each.trim());
  return pairs.filter((pair) => pair.startsWith(`${name}=`)).map((pair) => pair.slice(name.length + 1));
}
