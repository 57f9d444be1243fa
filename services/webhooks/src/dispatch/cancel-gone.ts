import type { Db } from '@errand/postgres';
import { cancelPending } from '../delivery-rows.ts';
import type { Endpoints } from '../endpoints/directory.ts';

export interface CancelGoneDeps {
  readonly db: Db;
  readonly endpoints: Pick<Endpoints, 'find' | 'caughtUp'>;
  readonly now: () => number;
  readonly onCanceled: (canceled: { tenantId: string; endpointId: string; deliveries: number }) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Cancels what an endpoint has pending that memory does not know, once it is sure that the bucket does not either:
 * memory may lag behind. What fails is found again by the next sweep.
 */
export function createCancelGone(
  deps: CancelGoneDeps,
): (endpoint: { tenantId: string; endpointId: string }) => Promise<void> {
  const confirming = new Set<string>();
  return async ({ tenantId, endpointId }) => {
    if (confirming.has(endpointId)) return;
    confirming.add(endpointId);
    try {
      await deps.endpoints.caughtUp();
      if (deps.endpoints.find(tenantId, endpointId)) return;
      const deliveries = await cancelPending(deps.db, endpointId, deps.now());
      deps.onCanceled({ tenantId, endpointId, deliveries });
    } catch (error) {
      deps.onError(error);
    } finally {
      confirming.delete(endpointId);
    }
  };
}
