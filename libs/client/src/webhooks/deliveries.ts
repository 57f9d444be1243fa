import { checkObject, checkOptions, type Members } from '../http/check-options.ts';
import { createPages, type Pages } from '../http/pages.ts';
import { path } from '../http/path.ts';
import type { Transport } from '../http/transport.ts';
import type { EndingType } from '../jobs/feed.ts';
import { idOf, type JobRef } from '../jobs/job.ts';
import { instantOf, listOf } from '../jobs/list-jobs.ts';
import { CALL, type CallOptions } from '../jobs/run.ts';
import type {
  Delivery,
  DeliveryAttempt,
  DeliveryStatus,
  Redelivery,
  Replay,
  ReplayKind,
  StartedReplay,
} from './webhook-endpoint.ts';

export interface DeliveryFilter extends CallOptions {
  readonly status?: DeliveryStatus | readonly DeliveryStatus[] | undefined;
  readonly type?: string | readonly string[] | undefined;
  readonly job?: JobRef | undefined;
  readonly since?: Date | string | undefined;
  readonly until?: Date | string | undefined;
  /** At most 200; default 50. */
  readonly pageSize?: number | undefined;
  readonly cursor?: string | undefined;
}

export interface TenantDeliveryFilter extends DeliveryFilter {
  /** Only to this endpoint. */
  readonly endpoint?: string | undefined;
}

export interface ReplayOptions extends CallOptions {
  readonly since: Date | string;
  /** Default: now. */
  readonly until?: Date | string | undefined;
  readonly only: ReplayKind;
  readonly types?: readonly EndingType[] | undefined;
  /** Only counts. */
  readonly dryRun?: boolean | undefined;
}

const FILTER: Members<DeliveryFilter> = {
  status: true,
  type: true,
  job: true,
  since: true,
  until: true,
  pageSize: true,
  cursor: true,
  signal: true,
};
const TENANT_FILTER: Members<TenantDeliveryFilter> = { ...FILTER, endpoint: true };
const REPLAY: Members<ReplayOptions> = {
  since: true,
  until: true,
  only: true,
  types: true,
  dryRun: true,
  signal: true,
};

/** What was sent to whom, and sending it again. Only reads are retried after a failure. */
export interface Deliveries {
  /** Newest first, also for a deleted endpoint. */
  deliveries(endpointId: string, filter?: DeliveryFilter): Pages<Delivery>;
  /** Newest first, to all endpoints of the tenant and of single runs. */
  allDeliveries(filter?: TenantDeliveryFilter): Pages<Delivery>;
  delivery(deliveryId: string, options?: CallOptions): Promise<Delivery>;
  /** Newest first, the last hundred. */
  attempts(deliveryId: string, options?: CallOptions): Promise<DeliveryAttempt[]>;
  deliveriesOfJob(job: JobRef, options?: CallOptions): Promise<Delivery[]>;
  redeliver(deliveryId: string, options?: CallOptions): Promise<Redelivery>;
  replay(endpointId: string, options: ReplayOptions): Promise<StartedReplay>;
  /** Newest first, the last hundred. */
  replays(endpointId: string, options?: CallOptions): Promise<Replay[]>;
  getReplay(endpointId: string, replayId: string, options?: CallOptions): Promise<Replay>;
  /** @throws ErrandError `replay_ended` */
  cancelReplay(endpointId: string, replayId: string, options?: CallOptions): Promise<void>;
}

export function createDeliveries(transport: Transport): Deliveries {
  function get<T>(route: string, options: CallOptions = {}): Promise<T> {
    checkOptions(options, CALL);
    return transport.json({ method: 'GET', path: route, signal: options.signal });
  }
  function post<T>(route: string, options: CallOptions = {}): Promise<T> {
    checkOptions(options, CALL);
    return transport.json({ method: 'POST', path: route, signal: options.signal });
  }
  return {
    deliveries: (endpointId, filter = {}) =>
      deliveryPages(transport, filter, () => {
        checkOptions(filter, FILTER, 'the filter');
        return { route: path`/webhooks/${endpointId}/deliveries` };
      }),
    allDeliveries: (filter = {}) =>
      deliveryPages(transport, filter, () => {
        checkOptions(filter, TENANT_FILTER, 'the filter');
        return { route: '/deliveries', endpointId: filter.endpoint };
      }),
    delivery: async (id, options) => get(path`/deliveries/${id}`, options),
    async attempts(id, options) {
      const route = path`/deliveries/${id}/attempts`;
      return (await get<{ attempts: DeliveryAttempt[] }>(route, options)).attempts;
    },
    async deliveriesOfJob(job, options) {
      const route = path`/jobs/${idOf(job)}/deliveries`;
      return (await get<{ deliveries: Delivery[] }>(route, options)).deliveries;
    },
    redeliver: async (id, options) => post(path`/deliveries/${id}/redeliver`, options),
    async replay(endpointId, options) {
      checkObject(options, 'options');
      checkOptions(options, REPLAY);
      const { since, until, only, types, dryRun, signal } = options;
      const body = { since: instantOf(since), until: instantOf(until), only, types, dry_run: dryRun };
      return transport.json({ method: 'POST', path: path`/webhooks/${endpointId}/replays`, body, signal });
    },
    async replays(endpointId, options) {
      const route = path`/webhooks/${endpointId}/replays`;
      return (await get<{ replays: Replay[] }>(route, options)).replays;
    },
    getReplay: async (endpointId, replayId, options) =>
      get(path`/webhooks/${endpointId}/replays/${replayId}`, options),
    cancelReplay: async (endpointId, replayId, options) =>
      post(path`/webhooks/${endpointId}/replays/${replayId}/cancel`, options),
  };
}

function deliveryPages(
  transport: Transport,
  filter: DeliveryFilter,
  placeOf: () => { route: string; endpointId?: string | undefined },
): Pages<Delivery> {
  return createPages(async (cursor) => {
    const { route, endpointId } = placeOf();
    const { status, type, job, since, until, pageSize, signal } = filter;
    const { deliveries, next_cursor } = await transport.json<{
      deliveries: Delivery[];
      next_cursor: string | null;
    }>({
      method: 'GET',
      path: route,
      signal,
      query: {
        endpoint_id: endpointId,
        status: listOf(status),
        type: listOf(type),
        job_id: job && idOf(job),
        limit: pageSize,
        cursor,
        since: instantOf(since),
        until: instantOf(until),
      },
    });
    return { items: deliveries, nextCursor: next_cursor };
  }, filter?.cursor);
}
