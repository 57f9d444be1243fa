import {
  ENDPOINT_NEWS_TYPES,
  type InputError,
  JobId,
  uuidV7Floor,
  WEBHOOK_EVENT_TYPES,
} from '@errand/contracts';
import { DELIVERY_STATES, type DeliveryState } from '@errand/postgres';
import { z } from 'zod';
import {
  createQueryReader,
  cursorOf,
  DEFAULT_LIMIT,
  readCursor,
  readInstant,
  readLimit,
} from '../../http/read-query.ts';
import { isReceiverId } from './delivery-id.ts';

const TYPES = [...WEBHOOK_EVENT_TYPES, ...ENDPOINT_NEWS_TYPES] as const;
type DeliveryType = (typeof TYPES)[number];

/** The last delivery of a page; without an endpoint, the last event. */
export interface DeliveryPlace {
  readonly eventId: string;
  readonly endpointId?: string;
}

/** Which deliveries are wanted, of an endpoint or of a tenant. An empty list of values wants any. */
export interface DeliveryQuery {
  readonly statuses: DeliveryState[];
  readonly types: DeliveryType[];
  readonly jobId: string | undefined;
  /** Only in lists of a tenant. */
  readonly endpointId: string | undefined;
  /** Event ids from this one on. */
  readonly fromId: string | undefined;
  /** Event ids below this one. */
  readonly belowId: string | undefined;
  /** Deliveries after this one. */
  readonly after: DeliveryPlace | undefined;
  readonly limit: number;
}

/** Reads the parameters of a list of deliveries, or names each wrong one. `since` and `until` are times of events. */
export function readDeliveryQuery(
  parameters: URLSearchParams,
  of: 'endpoint' | 'tenant',
): { kind: 'query'; query: DeliveryQuery } | { kind: 'invalid'; errors: InputError[] } {
  const errors: InputError[] = [];
  const read = createQueryReader(parameters, errors);
  const sinceMs = read.one('since', readInstant);
  const untilMs = read.one('until', readInstant);
  const query: DeliveryQuery = {
    statuses: read.several('status', z.enum(DELIVERY_STATES), `must be any of ${DELIVERY_STATES.join(', ')}`),
    types: read.several('type', z.enum(TYPES), `must be any of ${TYPES.join(', ')}`),
    jobId: read.one('job_id', readJobId),
    fromId: sinceMs === undefined ? undefined : uuidV7Floor(sinceMs),
    belowId: untilMs === undefined ? undefined : uuidV7Floor(untilMs),
    endpointId: of === 'tenant' ? read.one('endpoint_id', readEndpointId) : undefined,
    after: read.one('cursor', of === 'tenant' ? readPlace : readEvent),
    limit: read.one('limit', readLimit) ?? DEFAULT_LIMIT,
  };
  read.refuseOthers();
  return errors.length === 0 ? { kind: 'query', query } : { kind: 'invalid', errors };
}

function readJobId(text: string) {
  return JobId.safeParse(text).success ? { value: text } : { wrong: 'must be a lower-case UUIDv7' };
}

function readEndpointId(text: string) {
  return isReceiverId(text) ? { value: text } : { wrong: "must be an endpoint's id" };
}

/** An event may have been told to several endpoints, between which a page of a tenant may end. */
const PLACE = /^([\w-]{22})(?:\.([\w-]{1,100}))?$/;

export function deliveryCursorOf({ eventId, endpointId }: DeliveryPlace): string {
  return endpointId === undefined ? cursorOf(eventId) : `${cursorOf(eventId)}.${endpointId}`;
}

function readPlace(text: string): ReturnType<typeof readEvent> {
  const [, event = '', endpointId] = PLACE.exec(text) ?? [];
  const { value, wrong } = readEvent(event);
  if (wrong !== undefined) return { wrong };
  return { value: endpointId === undefined ? value : { ...value, endpointId } };
}

function readEvent(text: string): { value: DeliveryPlace; wrong?: never } | { wrong: string; value?: never } {
  const { value, wrong } = readCursor(text);
  return wrong === undefined ? { value: { eventId: value } } : { wrong };
}
