import type { Bus } from '@errand/bus';
import { BUCKETS, WebhookEndpoint } from '@errand/contracts';
import type { StoredEndpoint } from './expected-deliveries.ts';

/** Every tenant's endpoints, as they are at the moment of the call. */
export async function readEndpoints({ buckets }: Pick<Bus, 'buckets'>): Promise<StoredEndpoint[]> {
  const stored = new Map<string, StoredEndpoint>();
  const bucket = await buckets.watch(BUCKETS.webhookEndpoints, WebhookEndpoint, (key, endpoint, storedMs) => {
    if (endpoint) stored.set(key, { ...endpoint, storedMs });
    else stored.delete(key);
  });
  bucket.close();
  return [...stored.values()];
}
