import type { Bus } from '@errand/bus';
import {
  BUCKETS,
  type EndpointNewsType,
  isExpired,
  JOB_WEBHOOKS_RECORD,
  WebhookEndpoint,
  type WebhookEventType,
} from '@errand/contracts';
import { wantsEvent, wantsNews } from '../intake/wants-event.ts';

/** Every tenant's endpoints, held in memory and followed live. */
export interface Endpoints {
  find(tenantId: string, endpointId: string): WebhookEndpoint | undefined;
  /** The record with the secrets by which the webhooks of a tenant's jobs are signed: itself not an endpoint. */
  signerOfJobs(tenantId: string): WebhookEndpoint | undefined;
  /** Whether a tenant has endpoints, or the record that signs the webhooks of its jobs: without, nobody hears of them. */
  hasAny(tenantId: string): boolean;
  /** The enabled endpoints of a tenant that want to hear of an event. */
  wanting(event: {
    tenantId: string;
    type: WebhookEventType;
    action: string;
    /** Its place in the log. */
    version: number;
    /** When it happened, for endpoints whose place in the log is not known. */
    timeMs: number;
  }): WebhookEndpoint[];
  /** The enabled endpoints of a tenant that want to hear what becomes of the others. */
  wantingNews(tenantId: string, type: EndpointNewsType): WebhookEndpoint[];
  /**
   * Resolves when memory holds whatever was stored at the time of the call.
   * @throws LogUnavailable
   */
  caughtUp(): Promise<void>;
  /** Tells of each record that is changed from now on, once `find` knows it. */
  follow(listener: (before: WebhookEndpoint, after: WebhookEndpoint) => void): void;
  close(): void;
}

/** An endpoint's creation and an event are timed by different machines, whose clocks may differ by this much. */
const CLOCK_TOLERANCE_MS = 5_000;

/** Whether an endpoint was made before an event: by the log, or by clocks where its record does not know the log. */
function wasThere(
  { hears_after, created_at }: WebhookEndpoint,
  { version, timeMs }: { version: number; timeMs: number },
): boolean {
  if (hears_after !== undefined) return version > hears_after;
  return Date.parse(created_at) <= timeMs + CLOCK_TOLERANCE_MS;
}

/** Resolves when all endpoints are in memory. One that has expired is none. */
export async function watchEndpoints(
  bus: Pick<Bus, 'buckets'>,
  now: () => number = Date.now,
): Promise<Endpoints> {
  const ofTenant = new Map<string, Map<string, WebhookEndpoint>>();
  const signers = new Map<string, WebhookEndpoint>();
  let tell: (before: WebhookEndpoint, after: WebhookEndpoint) => void = () => {};

  const onChange = (key: string, endpoint: WebhookEndpoint | undefined) => {
    const [tenantId = '', endpointId = ''] = key.split('.');
    if (endpointId === JOB_WEBHOOKS_RECORD) {
      if (endpoint) signers.set(tenantId, endpoint);
      else signers.delete(tenantId);
      return;
    }
    const known = ofTenant.get(tenantId) ?? new Map<string, WebhookEndpoint>();
    const before = known.get(endpointId);
    if (endpoint) known.set(endpointId, endpoint);
    else known.delete(endpointId);
    if (known.size > 0) ofTenant.set(tenantId, known);
    else ofTenant.delete(tenantId);
    if (before && endpoint) tell(before, endpoint);
  };
  const bucket = await bus.buckets.watch(BUCKETS.webhookEndpoints, WebhookEndpoint, onChange);

  const enabledOf = (tenantId: string) =>
    [...(ofTenant.get(tenantId)?.values() ?? [])].filter((each) => each.enabled && !isExpired(each, now()));

  return {
    find(tenantId, endpointId) {
      const found = ofTenant.get(tenantId)?.get(endpointId);
      return found && !isExpired(found, now()) ? found : undefined;
    },
    hasAny: (tenantId) => ofTenant.has(tenantId) || signers.has(tenantId),
    signerOfJobs: (tenantId) => signers.get(tenantId),
    wanting: ({ tenantId, version, timeMs, ...event }) =>
      enabledOf(tenantId).filter(
        (endpoint) => wantsEvent(endpoint, event) && wasThere(endpoint, { version, timeMs }),
      ),
    wantingNews: (tenantId, type) => enabledOf(tenantId).filter((endpoint) => wantsNews(endpoint, type)),
    caughtUp: () => bucket.caughtUp(),
    follow(listener) {
      tell = listener;
    },
    close: () => bucket.close(),
  };
}
