import type { EndpointNewsType } from '@errand/contracts';
import type { FanOut } from '../delivery-rows.ts';
import type { QueueKey } from '../pacing/queue-pages.ts';
import { isJobQueue } from '../sending/target.ts';
import type { Endpoints } from './directory.ts';
import type { EndpointState } from './endpoint-state.ts';
import type { EndpointStates } from './endpoint-states.ts';

/** What has become of an endpoint, as it is told to people. */
export interface EndpointNews {
  /** A UUIDv7: of the event that it is to those who are told. */
  readonly eventId: string;
  readonly key: QueueKey;
  readonly kind: 'failing' | 'disabled' | 'recovered';
  readonly before: EndpointState;
  readonly state: EndpointState;
  readonly atMs: number;
}

/**
 * The event by which a tenant's other endpoints hear of news; undefined if none asks for it. Nothing is told of what
 * is not an endpoint of the tenant's: one that is deleted, the queue of jobs' own webhooks.
 */
export function fanOutOfNews(
  news: EndpointNews,
  deps: {
    endpoints: Pick<Endpoints, 'find' | 'wantingNews'>;
    states: Pick<EndpointStates, 'isDisabled'>;
    lifeMs: number;
  },
): FanOut | undefined {
  const { key, kind, atMs } = news;
  const { tenantId, endpointId } = key;
  const subject = isJobQueue(endpointId) ? undefined : deps.endpoints.find(tenantId, endpointId);
  if (!subject) return undefined;
  const type: EndpointNewsType = `webhook.${kind}`;
  const to = deps.endpoints
    .wantingNews(tenantId, type)
    .filter((endpoint) => endpoint.endpoint_id !== endpointId && !deps.states.isDisabled(endpoint))
    .map(({ endpoint_id }) => ({ endpointId: endpoint_id, url: null }));
  if (to.length === 0) return undefined;
  const data = {
    tenant_id: tenantId,
    endpoint_id: endpointId,
    url_host: URL.canParse(subject.url) ? new URL(subject.url).host : null,
    failing_since: timestamp((kind === 'recovered' ? news.before : news.state).failingSinceMs),
    ...(kind === 'disabled'
      ? { reason: news.state.disabledReason, disabled_at: timestamp(news.state.disabledMs) }
      : {}),
  };
  return {
    message: {
      event_id: news.eventId,
      tenant_id: tenantId,
      job_id: null,
      action: null,
      type,
      status: null,
      body: JSON.stringify({ type, timestamp: timestamp(atMs), data }),
    },
    to,
    dueMs: atMs,
    expiresMs: atMs + deps.lifeMs,
  };
}

function timestamp(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
