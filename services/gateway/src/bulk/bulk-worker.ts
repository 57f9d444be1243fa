import type { Tenant } from '@errand/contracts';
import { createDelayed, repeat } from '@errand/runtime';
import { isFree } from './bulk-progress.ts';
import { type BulkHead, bulkKey } from './bulk-store.ts';
import { type BulkWorkDeps, workOnAction } from './work-on-action.ts';

interface BulkWorkerDeps extends BulkWorkDeps {
  readonly tenants: { readonly peek: (tenantId: string) => Tenant | undefined };
  /** Aborted when the process is about to end. */
  readonly stopping: AbortSignal;
}

const SOON_MS = 5;

/**
 * Works on the bulk actions that nobody works on, of all tenants, until disposed: then each is released behind the jobs that
 * were under way, so that another gateway goes on with it at once.
 */
export function startBulkWorker(deps: BulkWorkerDeps): AsyncDisposable {
  const { store, tenants, leaseMs, now, log } = deps;
  const stop = new AbortController();
  const stopping = AbortSignal.any([deps.stopping, stop.signal]);
  const underWay = new Map<string, { stop: AbortController; over: Promise<void> }>();
  const onError = (err: unknown) => log.error({ err }, 'bulk_look_failed');
  const lookSoon = createDelayed(look, { afterMs: SOON_MS, signal: stopping, onError });

  /** A tenant that is being deleted has no jobs that anything is to be done to. */
  function isServed({ tenant_id }: BulkHead): boolean {
    const tenant = tenants.peek(tenant_id);
    return tenant !== undefined && !tenant.deleting;
  }

  async function look(): Promise<void> {
    for (const head of store.heads()) {
      const key = bulkKey(head);
      if (underWay.has(key)) {
        if (!isServed(head)) underWay.get(key)?.stop.abort();
      } else if (!stopping.aborted && isFree(head, now()) && isServed(head)) begin(key, head);
    }
  }

  function begin(key: string, head: BulkHead): void {
    const own = new AbortController();
    const about = { tenant_id: head.tenant_id, bulk_id: head.bulk_id };
    const over = workOnAction(head, deps, AbortSignal.any([stopping, own.signal]))
      .catch((err) => log.error({ ...about, err }, 'bulk_action_interrupted'))
      .finally(() => {
        underWay.delete(key);
        // It may have been resumed meanwhile.
        lookSoon();
      });
    underWay.set(key, { stop: own, over });
  }

  store.listen((key, head) => {
    if (head?.state !== 'running') underWay.get(key)?.stop.abort();
    lookSoon();
  });
  const looking = repeat(look, { everyMs: leaseMs / 3, signal: stopping, onError });
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all([looking, ...[...underWay.values()].map(({ over }) => over)]);
    },
  };
}
