import type { Bus, Step } from '@errand/bus';
import {
  type ActionRecord,
  currentContract,
  type JobRef,
  type JobWebhook,
  type RecordedEvent,
  uuidV7TimeMs,
  type WebhookEndpoint,
  webhookEventTypeOf,
} from '@errand/contracts';
import { foldJob, type JobState, requestIn } from '@errand/domain';
import type { DailyPartitions, Db, LogReaderPosition } from '@errand/postgres';
import { type Addressee, type FanOut, type Inserted, insertFanOuts } from '../delivery-rows.ts';
import type { Endpoints } from '../endpoints/directory.ts';
import type { EndpointStates } from '../endpoints/endpoint-states.ts';
import { jobQueueId } from '../sending/target.ts';
import { composeMessage } from './compose-message.ts';
import { wantsMetadata, wantsResults } from './wants-event.ts';

export interface IntakeDeps {
  readonly db: Db;
  readonly bus: { readonly jobs: Pick<Bus['jobs'], 'read' | 'readRequests'> } & {
    readonly audit: Pick<Bus['audit'], 'readRequests'>;
  };
  readonly endpoints: Endpoints;
  readonly states: Pick<EndpointStates, 'isDisabled'>;
  readonly actions: { peek(action: string): ActionRecord | undefined; caughtUp(): Promise<void> };
  /** Of the three webhook tables. */
  readonly partitions: readonly DailyPartitions[];
  readonly publicUrl: string;
  readonly lifeMs: number;
  readonly retentionMs: number;
  readonly nowMs: number;
  /** Moves the position of the intake; undefined for an event that was parked. */
  readonly move?: Pick<LogReaderPosition, 'move' | 'moving'> & { readonly step: Step };
}

/** How many jobs are read from the log at once where each is read by itself. */
const PARALLEL_READS = 32;
/** What the requests of jobs that have left JOBS may cost. A job whose request is not found has no metadata. */
const LEFT_LIMITS = { maxEntries: 1_000_000, maxMs: 15_000 };

/** An ending, and who may want to hear of it. */
interface Wanted {
  readonly ending: RecordedEvent;
  readonly endpoints: readonly WebhookEndpoint[];
  /** Whether the job's own webhook is looked at too. */
  readonly ownWebhook: boolean;
}

/**
 * Turns endings into deliveries, one for each endpoint that wants to hear of them and one for the job's own webhook. Durable when it resolves with
 * those that are new; an ending that comes again changes nothing. Passed over: endings of which nobody wants to hear, and
 * those older than the delivery log. Undefined, and nothing is written, if the position of the intake is not where its step
 * begins.
 */
export async function onJobEnded(
  batch: readonly RecordedEvent[],
  deps: IntakeDeps,
): Promise<Inserted[] | undefined> {
  const { db, move, nowMs } = deps;
  // An endpoint may have been created and its first job have ended while the watch was a few milliseconds behind.
  await Promise.all([deps.endpoints.caughtUp(), deps.actions.caughtUp()]);
  const wanted = batch.flatMap((ending) => {
    const type = webhookEventTypeOf(ending.event.type);
    if (type === undefined || uuidV7TimeMs(ending.event.id) <= deps.nowMs - deps.retentionMs) return [];
    const { tenantId, action } = ending.ref;
    const endpoints = deps.endpoints
      .wanting({
        tenantId,
        action,
        type,
        version: ending.version,
        timeMs: Date.parse(ending.event.time),
      })
      .filter((endpoint) => !deps.states.isDisabled(endpoint));
    // The record is there before a tenant's first job with a webhook; others need no look into the log.
    const ownWebhook = deps.endpoints.signerOfJobs(tenantId) !== undefined;
    return endpoints.length === 0 && !ownWebhook ? [] : [{ ending, endpoints, ownWebhook }];
  });
  const fanOuts = await messagesFor(wanted, deps);
  if (fanOuts.length === 0) return !move || (await move.move(db, move.step)) ? [] : undefined;
  const eventIds = fanOuts.map(({ message }) => message.event_id);
  for (const partitions of deps.partitions) await partitions.ensureFor(eventIds);
  return insertFanOuts(db, fanOuts, { nowMs, moving: move?.moving(move.step) });
}

/** What is to be told to whom: one message for each ending of which anybody still wants to hear once its job is read. */
export async function messagesFor(
  wanted: readonly Wanted[],
  deps: Pick<IntakeDeps, 'bus' | 'actions' | 'publicUrl' | 'lifeMs' | 'nowMs'>,
): Promise<FanOut[]> {
  const jobs = await jobsOf(
    wanted.map(({ ending }) => ending.ref),
    deps.bus,
  );
  const fanOuts = wanted.map((each, index) => fanOut(each, jobs[index], deps));
  return fanOuts.filter(({ to }) => to.length > 0);
}

/**
 * What the log knows of jobs besides their endings, in their order: what they were asked to do, since an ending says the
 * rest. One whose request is not found is read by itself, from a replica that does not lag; one that has left JOBS, as
 * with a replay, is read from the audit log.
 */
async function jobsOf(refs: readonly JobRef[], bus: IntakeDeps['bus']): Promise<(JobState | undefined)[]> {
  const requests = refs.length === 0 ? [] : await bus.jobs.readRequests(refs);
  const kept = await mapParallel(refs, async (ref, index) => {
    const request = requests[index] ?? requestIn(await bus.jobs.read(ref));
    return request && foldJob([request]);
  });
  const left = refs.filter((_, index) => !kept[index]);
  if (left.length === 0) return kept;
  const audited = await bus.audit.readRequests(left, LEFT_LIMITS);
  return kept.map((job, index) => {
    const request = audited.get(refs[index]?.jobId ?? '');
    return job ?? (request && foldJob([request]));
  });
}

function fanOut(
  { ending, endpoints, ownWebhook }: Wanted,
  job: JobState | undefined,
  deps: Pick<IntakeDeps, 'actions' | 'publicUrl' | 'lifeMs' | 'nowMs'>,
): FanOut {
  const contract = currentContract(deps.actions.peek(ending.ref.action))?.contract;
  const request = job?.request.value?.data;
  const metadata = request?.metadata ?? {};
  const to = [
    ...endpoints
      .filter((endpoint) => wantsMetadata(endpoint, metadata))
      .map((endpoint) => ({
        endpointId: endpoint.endpoint_id,
        url: null,
        withResults: wantsResults(endpoint),
      })),
    ...(ownWebhook ? ownAddressee(ending, request?.webhook) : []),
  ];
  const withResults = to.some((each) => each.withResults);
  const message = composeMessage(ending, { job, contract, publicUrl: deps.publicUrl, withResults });
  const eventMs = Date.parse(ending.event.time);
  return {
    message,
    to,
    // Due at once, and the oldest event first; a writer's clock that is ahead must not hold it back.
    dueMs: Math.min(eventMs, deps.nowMs),
    expiresMs: eventMs + deps.lifeMs,
  };
}

function ownAddressee({ ref, event }: RecordedEvent, webhook: JobWebhook | undefined): Addressee[] {
  const type = webhookEventTypeOf(event.type);
  if (!webhook?.events.some((wanted) => wanted === type)) return [];
  const { url } = webhook;
  return [{ endpointId: jobQueueId(ref.tenantId, url), url, withResults: wantsResults(webhook) }];
}

async function mapParallel<T, R>(
  items: readonly T[],
  map: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const remaining = items.entries();
  const work = async () => {
    for (const [index, item] of remaining) results[index] = await map(item, index);
  };
  await Promise.all(Array.from({ length: PARALLEL_READS }, work));
  return results;
}
