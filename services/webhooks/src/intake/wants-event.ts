import type { EndpointNewsType, WebhookEndpoint, WebhookEventType, WebhookInclude } from '@errand/contracts';

type Filters = Pick<WebhookEndpoint, 'event_types' | 'actions' | 'metadata'>;

/** Whether an endpoint's filters by type and action let the ending of a job through. */
export function wantsEvent(
  endpoint: Filters,
  { type, action }: { type: WebhookEventType; action: string },
): boolean {
  const { event_types, actions } = endpoint;
  return (
    (event_types.includes('job.*') || event_types.includes(type)) &&
    (actions === undefined || actions.includes(action))
  );
}

/** Whether an endpoint asks for news of others. Its filters for jobs say nothing about them. */
export function wantsNews({ event_types }: Filters, type: EndpointNewsType): boolean {
  return event_types.includes('webhook.*') || event_types.includes(type);
}

/** Whether a job's metadata holds all that an endpoint asks for. */
export function wantsMetadata(endpoint: Filters, metadata: Readonly<Record<string, string>>): boolean {
  return Object.entries(endpoint.metadata ?? {}).every(
    ([name, value]) => Object.hasOwn(metadata, name) && metadata[name] === value,
  );
}

/** Whether a message carries the job's results. */
export function wantsResults({ include }: { include?: WebhookInclude[] | undefined }): boolean {
  return include?.includes('results') ?? false;
}
