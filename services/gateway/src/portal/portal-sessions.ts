import { type Bus, LogUnavailable } from '@errand/bus';
import { BUCKETS, PortalSession } from '@errand/contracts';
import { createLookup, type Lookup } from '../actions/lookup.ts';

/** Where portal sessions are kept, of all tenants. Every call that resolves throws LogUnavailable. */
export interface PortalSessions extends Disposable {
  /** Those that were not revoked, by their ids; undefined, too, for one that is over. */
  readonly lookup: Lookup<PortalSession>;
  create(id: string, session: PortalSession): Promise<void>;
  /** A tenant's, newest first. */
  list(tenantId: string): Promise<[id: string, PortalSession][]>;
  /** False if there was none. */
  revoke(id: string): Promise<boolean>;
}

/** `onRevoked` is called on every gateway. `now`: Unix milliseconds. */
export async function openPortalSessions(
  bus: Pick<Bus, 'buckets' | 'isConnected'>,
  { now, onRevoked }: { now: () => number; onRevoked: (id: string) => void },
): Promise<PortalSessions> {
  const bucket = await bus.buckets.watch(BUCKETS.portalSessions, PortalSession, (id, session) => {
    if (!session) onRevoked(id);
  });

  async function connected<T>(call: () => Promise<T>): Promise<T> {
    if (!bus.isConnected()) throw new LogUnavailable('not connected');
    return call();
  }

  /** What is written here is found here. */
  async function settled(write: () => Promise<void>): Promise<void> {
    await connected(write);
    await bucket.caughtUp().catch(() => {});
  }

  const unlessOver = (session: PortalSession | undefined) =>
    session && Date.parse(session.expires_at) > now() ? session : undefined;
  const lookup = createLookup({
    peek: (id) => unlessOver(bucket.peek(id)),
    get: async (id) => unlessOver(await connected(() => bucket.get(id))),
  });

  return {
    lookup,
    create: (id, session) => settled(() => bucket.put(id, session)),
    async list(tenantId) {
      await connected(bucket.caughtUp);
      return [...bucket.entries()]
        .filter(([, session]) => session.tenant_id === tenantId && unlessOver(session))
        .toSorted(([, a], [, b]) => (a.created_at < b.created_at ? 1 : -1));
    },
    async revoke(id) {
      if (!(await lookup.find(id))) return false;
      await settled(() => bucket.delete(id));
      return true;
    },
    [Symbol.dispose]: () => bucket.close(),
  };
}
