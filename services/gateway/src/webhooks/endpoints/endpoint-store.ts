import type { RecordedBucket } from '@errand/bus';
import { isExpired, type WebhookEndpoint } from '@errand/contracts';
import type { SecretBox } from '@errand/runtime';
import { Refusal } from '../../http/problem.ts';

/** Who deletes what has expired. */
const GATEWAY = 'gateway';
export const ENDPOINT_ID = /^whe_[0-9a-f]{32}$/;

export interface EndpointBucket extends RecordedBucket<WebhookEndpoint> {
  /** Deletes a tenant's expired endpoints: they count for nothing, and nothing else deletes them. */
  dropExpired(tenantId: string): Promise<void>;
}

/** All but those that have expired, which are as if they were deleted. */
export function hideExpired(bucket: RecordedBucket<WebhookEndpoint>, now: () => number): EndpointBucket {
  const living = (endpoint: WebhookEndpoint | undefined) =>
    endpoint && !isExpired(endpoint, now()) ? endpoint : undefined;
  return {
    ...bucket,
    peek: (key) => living(bucket.peek(key)),
    get: async (key) => living(await bucket.get(key)),
    *entries() {
      for (const entry of bucket.entries()) if (living(entry[1])) yield entry;
    },
    async dropExpired(tenantId) {
      for (const [key, endpoint] of [...bucket.entries()]) {
        if (endpoint.tenant_id === tenantId && isExpired(endpoint, now()))
          await bucket.by(GATEWAY).delete(key);
      }
    },
  };
}

/** What reads and writes endpoints. */
export interface EndpointDeps {
  readonly endpoints: EndpointBucket;
  /** Seals their secrets. */
  readonly box: SecretBox;
  readonly now: () => number;
}

/** The bucket's key of an endpoint. */
export function endpointKey(tenantId: string, endpointId: string): string {
  return `${tenantId}.${endpointId}`;
}

/** @throws Refusal unknown_endpoint */
export async function readEndpoint(
  endpoints: EndpointBucket,
  tenantId: string,
  endpointId: string,
): Promise<WebhookEndpoint> {
  if (!ENDPOINT_ID.test(endpointId)) throw new Refusal('unknown_endpoint');
  const key = endpointKey(tenantId, endpointId);
  const endpoint = endpoints.peek(key) ?? (await endpoints.get(key));
  if (!endpoint) throw new Refusal('unknown_endpoint');
  return endpoint;
}

interface EndpointChange {
  /** What is stored comes back as it is where nothing is to be changed. It may run several times. */
  readonly make: (stored: WebhookEndpoint) => WebhookEndpoint;
  readonly nowMs: number;
  readonly actor: string;
}

/**
 * Changes a stored endpoint, however many do so at once. Readers tell versions of an endpoint apart by `updated_at`,
 * so it never stands still. Undefined: there is none.
 * @throws whatever `make` throws
 */
export function changeIfThere(
  endpoints: EndpointBucket,
  key: string,
  { make, nowMs, actor }: EndpointChange,
): Promise<WebhookEndpoint | undefined> {
  return endpoints.by(actor).change(key, (stored) => {
    const made = make(stored);
    if (made === stored) return stored;
    const updatedAtMs = Math.max(nowMs, Date.parse(stored.updated_at) + 1);
    return { ...made, updated_at: new Date(updatedAtMs).toISOString() };
  });
}

/** @throws Refusal unknown_endpoint, and whatever `make` throws */
export async function changeEndpoint(
  endpoints: EndpointBucket,
  { tenant_id, endpoint_id }: Pick<WebhookEndpoint, 'tenant_id' | 'endpoint_id'>,
  change: EndpointChange,
): Promise<WebhookEndpoint> {
  const changed = await changeIfThere(endpoints, endpointKey(tenant_id, endpoint_id), change);
  if (!changed) throw new Refusal('unknown_endpoint');
  return changed;
}

/** A tenant's endpoints, oldest first. */
export function endpointsOf(endpoints: EndpointBucket, tenantId: string): WebhookEndpoint[] {
  return [...endpoints.entries()]
    .filter(([, { tenant_id, endpoint_id }]) => tenant_id === tenantId && ENDPOINT_ID.test(endpoint_id))
    .map(([, endpoint]) => endpoint)
    .sort((a, b) => (a.endpoint_id < b.endpoint_id ? -1 : 1));
}
