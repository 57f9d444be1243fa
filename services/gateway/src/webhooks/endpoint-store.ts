import type { WatchedBucket } from '@errand/bus';
import type { WebhookEndpoint } from '@errand/contracts';
import { Refusal } from '../problem.ts';

const ENDPOINT_ID = /^whe_[0-9a-f]{32}$/;

export type EndpointBucket = WatchedBucket<WebhookEndpoint>;

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

/** A tenant's endpoints, oldest first. */
export function endpointsOf(endpoints: EndpointBucket, tenantId: string): WebhookEndpoint[] {
  return [...endpoints.entries()]
    .filter(([, endpoint]) => endpoint.tenant_id === tenantId)
    .map(([, endpoint]) => endpoint)
    .sort((a, b) => (a.endpoint_id < b.endpoint_id ? -1 : 1));
}
