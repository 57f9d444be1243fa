import type { Bus } from '@errand/bus';
import {
  type ActionContract,
  type RecordedEvent,
  uuidV7TimeMs,
  type WebhookEndpoint,
  webhookEventTypeOf,
} from '@errand/contracts';
import { foldJob } from '@errand/domain';
import type { DailyPartitions, Db } from '@errand/postgres';
import { composeMessage } from './compose-message.ts';
import { type FanOut, type Inserted, insertFanOuts } from './delivery-table.ts';
import type { EndpointStates } from './endpoint-states.ts';
import type { Endpoints } from './endpoints.ts';
import { wantsMetadata } from './wants-event.ts';

export interface IntakeDeps {
  readonly db: Db;
  readonly bus: Pick<Bus, 'readJob'>;
  readonly endpoints: Endpoints;
  readonly states: Pick<EndpointStates, 'isDisabled'>;
  readonly actions: { peek(action: string): ActionContract | undefined; caughtUp(): Promise<void> };
  /** Of the three webhook tables. */
  readonly partitions: readonly DailyPartitions[];
  readonly publicUrl: string;
  readonly lifeMs: number;
  readonly retentionMs: number;
  readonly nowMs: number;
}

/** How many jobs are read from the log at once. */
const PARALLEL_READS = 32;

/**
 * Turns endings into deliveries, one for each endpoint that wants to hear of them. Durable when it resolves with
 * those that are new; an ending that comes again changes nothing. Passed over: endings of which nobody wants to hear, and
 * those older than the delivery log.
 */
export async function onJobEnded(batch: readonly RecordedEvent[], deps: IntakeDeps): Promise<Inserted[]> {
  // An endpoint may have been created and its first job have ended while the watch was a few milliseconds behind.
  await Promise.all([deps.endpoints.caughtUp(), deps.actions.caughtUp()]);
  const wanted = batch.flatMap((ending) => {
    const type = webhookEventTypeOf(ending.event.type);
    if (type === undefined || uuidV7TimeMs(ending.event.id) <= deps.nowMs - deps.retentionMs) return [];
    const { tenantId, action } = ending.ref;
    const endpoints = deps.endpoints
      .wanting({ tenantId, action, type, timeMs: Date.parse(ending.event.time) })
      .filter((endpoint) => !deps.states.isDisabled(endpoint));
    return endpoints.length === 0 ? [] : [{ ending, endpoints }];
  });
  const fanOuts = await messagesFor(wanted, deps);
  if (fanOuts.length === 0) return [];
  const eventIds = fanOuts.map(({ message }) => message.event_id);
  for (const partitions of deps.partitions) await partitions.ensureFor(eventIds);
  return insertFanOuts(deps.db, fanOuts, deps.nowMs);
}

/** What is to be told to whom: one message for each ending that still has an endpoint once metadata is known. */
export async function messagesFor(
  wanted: readonly { ending: RecordedEvent; endpoints: readonly WebhookEndpoint[] }[],
  deps: Pick<IntakeDeps, 'bus' | 'actions' | 'publicUrl' | 'lifeMs' | 'nowMs'>,
): Promise<FanOut[]> {
  const fanOuts = await mapParallel(wanted, ({ ending, endpoints }) => fanOut(ending, endpoints, deps));
  return fanOuts.filter(({ endpointIds }) => endpointIds.length > 0);
}

async function fanOut(
  ending: RecordedEvent,
  endpoints: readonly WebhookEndpoint[],
  deps: Pick<IntakeDeps, 'bus' | 'actions' | 'publicUrl' | 'lifeMs' | 'nowMs'>,
): Promise<FanOut> {
  const job = foldJob(await deps.bus.readJob(ending.ref));
  const contract = deps.actions.peek(ending.ref.action);
  const metadata = job?.request.value?.data.metadata ?? {};
  const eventMs = Date.parse(ending.event.time);
  return {
    message: composeMessage(ending, { job, contract, publicUrl: deps.publicUrl }),
    endpointIds: endpoints
      .filter((endpoint) => wantsMetadata(endpoint, metadata))
      .map(({ endpoint_id }) => endpoint_id),
    // Due at once, and the oldest event first; a writer's clock that is ahead must not hold it back.
    dueMs: Math.min(eventMs, deps.nowMs),
    expiresMs: eventMs + deps.lifeMs,
  };
}

async function mapParallel<T, R>(items: readonly T[], map: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const remaining = items.entries();
  const work = async () => {
    for (const [index, item] of remaining) results[index] = await map(item);
  };
  await Promise.all(Array.from({ length: PARALLEL_READS }, work));
  return results;
}
