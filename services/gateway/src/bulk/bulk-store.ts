import { type Bus, LogUnavailable } from '@errand/bus';
import { BUCKETS, BulkAction } from '@errand/contracts';
import type { z } from 'zod';

/** What every gateway keeps in memory of each bulk action. */
const BulkHead = BulkAction.pick({
  tenant_id: true,
  bulk_id: true,
  actor: true,
  state: true,
  lease: true,
});
export type BulkHead = z.infer<typeof BulkHead>;

/** Where bulk actions are kept, of all tenants. Every call that resolves throws LogUnavailable. */
export interface BulkStore extends Disposable {
  /** It is among the heads at once. False if there is one of that id. */
  create(action: BulkAction): Promise<boolean>;
  find(tenantId: string, bulkId: string): Promise<BulkAction | undefined>;
  /** Replaces what is stored, on the revision that was read; undefined if there is none. See `Bucket.change`. */
  change(
    { tenant_id, bulk_id }: Pick<BulkAction, 'tenant_id' | 'bulk_id'>,
    make: (stored: BulkAction) => BulkAction,
  ): Promise<BulkAction | undefined>;
  /** A tenant's, newest first, below an id if there is one. `actor`: only those that it has asked for. */
  list(wanted: {
    tenantId: string;
    actor: string | undefined;
    belowId: string | undefined;
    limit: number;
  }): Promise<{ actions: BulkAction[]; nextBelowId: string | undefined }>;
  /** From memory: what was known a few milliseconds ago. */
  heads(): BulkHead[];
  /** Calls with each change from then on; `head` is undefined for one that was removed. */
  listen(listener: (key: string, head: BulkHead | undefined) => void): void;
}

export function bulkKey({ tenant_id, bulk_id }: Pick<BulkAction, 'tenant_id' | 'bulk_id'>): string {
  return `${tenant_id}.${bulk_id}`;
}

export async function openBulkStore(bus: Pick<Bus, 'buckets' | 'isConnected'>): Promise<BulkStore> {
  let listener: (key: string, head: BulkHead | undefined) => void = () => {};
  /** What expired or went with its tenant leaves without notice. */
  const gone = new Set<string>();
  /** Made here, and not seen by the watch yet. */
  const made = new Map<string, BulkHead>();
  const bucket = await bus.buckets.open(BUCKETS.bulkActions, BulkAction);
  const watched = await bus.buckets.watch(BUCKETS.bulkActions, BulkHead, (key, head) => {
    gone.delete(key);
    made.delete(key);
    listener(key, head);
  });

  async function connected<T>(call: () => Promise<T>): Promise<T> {
    if (!bus.isConnected()) throw new LogUnavailable('not connected');
    return call();
  }

  async function noted(key: string, call: () => Promise<BulkAction | undefined>) {
    const action = await connected(call);
    // One that is being made may not be there yet.
    if (!action && !made.has(key)) gone.add(key);
    return action;
  }

  function heads(): BulkHead[] {
    const known = [...watched.entries(), ...made];
    return known.flatMap(([key, head]) => (gone.has(key) ? [] : [head]));
  }

  function find(tenantId: string, bulkId: string): Promise<BulkAction | undefined> {
    const key = bulkKey({ tenant_id: tenantId, bulk_id: bulkId });
    return noted(key, () => bucket.get(key));
  }

  return {
    find,
    heads,
    async create(action) {
      const key = bulkKey(action);
      made.set(key, action);
      let isMade = false;
      try {
        isMade = await connected(() => bucket.create(key, action));
      } finally {
        if (!isMade) made.delete(key);
      }
      return isMade;
    },
    change: (about, make) => noted(bulkKey(about), () => bucket.change(bulkKey(about), make)),
    async list({ tenantId, actor, belowId, limit }) {
      await connected(watched.caughtUp);
      const ids = heads()
        .filter((head) => head.tenant_id === tenantId && (actor === undefined || head.actor === actor))
        .map(({ bulk_id }) => bulk_id)
        .filter((id) => belowId === undefined || id < belowId)
        .sort()
        .reverse();
      const page = ids.slice(0, limit);
      const found = await Promise.all(page.map((id) => find(tenantId, id)));
      const nextBelowId = ids.length > limit ? page.at(-1) : undefined;
      return { actions: found.filter((action) => action !== undefined), nextBelowId };
    },
    listen(called) {
      listener = called;
    },
    [Symbol.dispose]: () => watched.close(),
  };
}
