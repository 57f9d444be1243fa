import { type RecordedEvent, type WebhookEndpoint, webhookEventTypeOf } from '@errand/contracts';
import type { JobState } from '@errand/domain';

/*
 * Whom the webhooks service must have told of an ending. Said here a second time on purpose: a check that shares the
 * code it checks finds nothing. An endpoint that was changed after the ending is left out, since what it wanted then
 * is not known any more.
 */

/** Clocks of those who date endpoints and events may differ by this much. */
const CLOCK_TOLERANCE_MS = 5_000;
/** A disabled endpoint may have been known as such this much earlier or later by different processes. */
const DISABLED_TOLERANCE_MS = 600_000;

export interface Ending {
  readonly eventId: string;
  readonly type: RecordedEvent['event']['type'];
  readonly timeMs: number;
  readonly job: JobState;
}

/** The endpoints of the job's tenant that must have a delivery of it. `disabledMs`: when the service disabled one. */
export function endpointsOwed(
  ending: Ending,
  endpoints: readonly WebhookEndpoint[],
  disabledMs: ReadonlyMap<string, number>,
): WebhookEndpoint[] {
  const type = webhookEventTypeOf(ending.type);
  const metadata = ending.job.request.value?.data.metadata ?? {};
  return endpoints.filter((endpoint) => {
    const { event_types: types, actions } = endpoint;
    const settledMs = Math.max(Date.parse(endpoint.created_at), Date.parse(endpoint.updated_at));
    const offMs = disabledMs.get(endpoint.endpoint_id) ?? Number.POSITIVE_INFINITY;
    return (
      endpoint.enabled &&
      type !== undefined &&
      (types.includes('job.*') || types.includes(type)) &&
      (actions === undefined || actions.includes(ending.job.action)) &&
      Object.entries(endpoint.metadata ?? {}).every(([name, value]) => metadata[name] === value) &&
      settledMs + CLOCK_TOLERANCE_MS <= ending.timeMs &&
      ending.timeMs < offMs - DISABLED_TOLERANCE_MS
    );
  });
}
