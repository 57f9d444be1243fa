import type { WebhookEndpoint } from '@errand/contracts';
import type { DueDelivery } from '../delivery-rows.ts';
import type { Endpoints } from '../endpoints/directory.ts';
import type { EndpointStates } from '../endpoints/endpoint-states.ts';
import type { QueueLimits } from '../pacing/endpoint-queue.ts';
import type { QueueKey } from '../pacing/queue-pages.ts';
import { isJobQueue } from '../sending/target.ts';

const DEFAULT_CONCURRENCY = 16;

const hosts = new WeakMap<WebhookEndpoint, string>();

/** What may be sent to an endpoint, as its record says; undefined for nothing. */
export function limitsOf(
  deps: { endpoints: Pick<Endpoints, 'find'>; states: Pick<EndpointStates, 'isDisabled'> },
  key: QueueKey,
  next: DueDelivery | undefined,
): (QueueLimits & { origin: string }) | undefined {
  if (isJobQueue(key.endpointId)) {
    return { maxConcurrency: DEFAULT_CONCURRENCY, maxRps: null, origin: next?.url ? hostOf(next.url) : '' };
  }
  const endpoint = deps.endpoints.find(key.tenantId, key.endpointId);
  if (!endpoint?.enabled || deps.states.isDisabled(endpoint)) return undefined;
  const host = hosts.get(endpoint) ?? hostOf(endpoint.url);
  hosts.set(endpoint, host);
  return {
    maxConcurrency: endpoint.max_concurrency ?? DEFAULT_CONCURRENCY,
    maxRps: endpoint.max_rps ?? null,
    origin: host,
  };
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
