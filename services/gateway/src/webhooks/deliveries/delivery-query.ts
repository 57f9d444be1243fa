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
  DEFAULT_LIMIT,
  readCursor,
  readInstant,
  readLimit,
} from '../../http/read-query.ts';

const TYPES = [...WEBHOOK_EVENT_TYPES, ...ENDPOINT_NEWS_TYPES] as const;
type DeliveryType = (typeof TYPES)[number];

/** Which of an endpoint's deliveries are wanted. An empty list of values wants any. */
export interface DeliveryQuery {
  readonly statuses: DeliveryState[];
  readonly types: DeliveryType[];
  readonly jobId: string | undefined;
  /** Event ids from this one on. */
  readonly fromId: string | undefined;
  /** Event ids below this one. */
  readonly belowId: string | undefined;
  readonly limit: number;
}

/** Reads the parameters of a list of deliveries, or names each wrong one. `since` and `until` are times of events. */
export function readDeliveryQuery(
  parameters: URLSearchParams,
): { kind: 'query'; query: DeliveryQuery } | { kind: 'invalid'; errors: InputError[] } {
  const errors: InputError[] = [];
  const read = createQueryReader(parameters, errors);
  const sinceMs = read.one('since', readInstant);
  const untilMs = read.one('until', readInstant);
  const bounds = [read.one('cursor', readCursor), untilMs === undefined ? undefined : uuidV7Floor(untilMs)];
  const query: DeliveryQuery = {
    statuses: read.several('status', z.enum(DELIVERY_STATES), `must be any of ${DELIVERY_STATES.join(', ')}`),
    types: read.several('type', z.enum(TYPES), `must be any of ${TYPES.join(', ')}`),
    jobId: read.one('job_id', readJobId),
    fromId: sinceMs === undefined ? undefined : uuidV7Floor(sinceMs),
    belowId: bounds.filter((id) => id !== undefined).sort()[0],
    limit: read.one('limit', readLimit) ?? DEFAULT_LIMIT,
  };
  read.refuseOthers();
  return errors.length === 0 ? { kind: 'query', query } : { kind: 'invalid', errors };
}

function readJobId(text: string) {
  return JobId.safeParse(text).success ? { value: text } : { wrong: 'must be a lower-case UUIDv7' };
}
