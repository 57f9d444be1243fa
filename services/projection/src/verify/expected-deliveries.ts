import { type RecordedEvent, type WebhookEndpoint, webhookEventTypeOf } from '@errand/contracts';
import type { JobState } from '@errand/domain';

/*
 * Whom the webhooks service must have told of an ending. Said here a second time on purpose: a check that shares the
 * code it checks finds nothing. An endpoint that was changed after the ending is left out, since what it wanted then
 * is not known any more, and so is one that ends by itself, whose end the service may have seen before the ending. What came first is told by NATS, which dates records and events by its own servers' clocks;
 * records of programs that did not write down their place in the log are compared by the clocks of their writers.
 */

/** Clocks of the servers, or of those who date endpoints and events, may differ by this much. */
const CLOCK_TOLERANCE_MS = 5_000;
/** A disabled endpoint may have been known as such this much earlier or later by different processes. */
const DISABLED_TOLERANCE_MS = 600_000;

export interface Ending {
  readonly eventId: string;
  readonly type: RecordedEvent['event']['type'];
  readonly version: number;
  readonly timeMs: number;
  /** When NATS filed it. */
  readonly filedMs: number;
  readonly job: JobState;
}

/** An endpoint's record, and when NATS stored it. */
export type StoredEndpoint = WebhookEndpoint & { readonly storedMs: number };

/** The endpoints of the job's tenant that must have a delivery of it. `disabledMs`: when the service disabled one. */
export function endpointsOwed(
  ending: Ending,
  endpoints: readonly StoredEndpoint[],
  disabledMs: ReadonlyMap<string, number>,
): StoredEndpoint[] {
  const type = webhookEventTypeOf(ending.type);
  const metadata = ending.job.request.value?.data.metadata ?? {};
  return endpoints.filter((endpoint) => {
    const { event_types: types, actions } = endpoint;
    const offMs = disabledMs.get(endpoint.endpoint_id) ?? Number.POSITIVE_INFINITY;
    return (
      endpoint.enabled &&
      endpoint.expires_at === undefined &&
      type !== undefined &&
      (types.includes('job.*') || types.includes(type)) &&
      (actions === undefined || actions.includes(ending.job.action)) &&
      Object.entries(endpoint.metadata ?? {}).every(([name, value]) => metadata[name] === value) &&
      wasSettled(endpoint, ending) &&
      ending.filedMs < offMs - DISABLED_TOLERANCE_MS
    );
  });
}

/** Whether a record was in force, as it is now, when a job ended. */
function wasSettled(endpoint: StoredEndpoint, { version, timeMs, filedMs }: Ending): boolean {
  if (endpoint.hears_after !== undefined) {
    return version > endpoint.hears_after && endpoint.storedMs + CLOCK_TOLERANCE_MS <= filedMs;
  }
  const settledMs = Math.max(Date.parse(endpoint.created_at), Date.parse(endpoint.updated_at));
  return settledMs + CLOCK_TOLERANCE_MS <= timeMs;
}
