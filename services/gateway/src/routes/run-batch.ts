import type { AppendRequest } from '@errand/bus';
import { InputError, JobId, RunAccepted } from '@errand/contracts';
import { createSteps } from '@errand/json-schema';
import { z } from 'zod';
import { type AcceptBatchDeps, acceptBatch } from '../accept-batch.ts';
import type { AcceptedJob } from '../accepted-job.ts';
import type { ActionCatalogue } from '../action-catalogue.ts';
import { answer } from '../answer.ts';
import {
  type BatchItem,
  batchErrors,
  checkBatchBody,
  errorsByItem,
  type SentBatchBody,
} from '../batch-order.ts';
import { createBreather } from '../breather.ts';
import { isDryRun } from '../dry-run.ts';
import { createErrorRoom } from '../error-room.ts';
import { type AddressedAction, findAction } from '../find-action.ts';
import { jobLinks } from '../job-links.ts';
import type { JobOrder, OrderLimits } from '../job-order.ts';
import type { Caller, TenantHandler } from '../middleware/authenticate.ts';
import { busy, type Ctx } from '../middleware/exchange.ts';
import { type BodyLimits, readFlawedJsonObject } from '../middleware/read-json.ts';
import { Refusal } from '../problem.ts';
import { refuseUnknownParameters } from '../query-reader.ts';
import { jobRequestOf, type RequestOrigin } from '../request-job.ts';
import { type StoreInputDeps, storeInput } from '../store-input.ts';
import { traceParentOf } from '../trace-parent.ts';

export interface RunBatchDeps extends AcceptBatchDeps, StoreInputDeps, OrderLimits {
  readonly bus: AcceptBatchDeps['bus'] & StoreInputDeps['bus'];
  readonly catalogue: ActionCatalogue;
  readonly batchLimits: BodyLimits;
  /** The most bytes that the JSON of one input may have, which are those of a run's body. */
  readonly maxBodyBytes: number;
  readonly appendTimeoutMs: number;
  /** The most bytes that the JSON of one event may have. */
  readonly maxEventBytes: () => number;
}

const ItemAnswer = z.union([
  z.object({
    index: z.int().min(0),
    job_id: JobId,
    version: z.int(),
    links: RunAccepted.shape.links,
  }),
  z.object({
    index: z.int().min(0),
    errors: z.array(InputError).meta({ description: 'Empty where the answer has no more room.' }),
  }),
]);
type ItemAnswer = z.infer<typeof ItemAnswer>;

/** What became of each item of a batch. */
export const BatchAnswer = z.object({
  accepted: z.int(),
  rejected: z.int(),
  items: z.array(ItemAnswer),
  more_errors: z
    .literal(true)
    .optional()
    .meta({ description: 'Whether more is wrong than the answer has room for.' }),
});

/**
 * POST …/{action}/run-batch: requests a job for each item that is right, all of them or, with 503, an unknown number.
 * 202 tells of each item what became of it; 422 that no item is right.
 */
export function runBatch(deps: RunBatchDeps): TenantHandler {
  return async (c, caller) => {
    const addressed = await findAction(c, deps.catalogue);
    refuseUnknownParameters(c, ['validate_only']);
    const dryRun = isDryRun(c);
    const sent = await readFlawedJsonObject(c, deps.batchLimits);
    const { text } = sent;
    const origin = originOf(c, deps, caller);
    const items = await checkItems(deps, { ...sent, addressed, origin, work: (item) => busy(c, item) });
    const orders = items.filter((item) => item.kind === 'order');
    const wrong = items.length - orders.length;
    if (orders.length === 0 || (dryRun && wrong > 0)) {
      throw new Refusal('invalid_input', { errors: batchErrors(items) });
    }
    if (dryRun) return answer(c, { status: 200, body: { valid: true } });
    const { value: jobs, replayed } = await acceptBatch(c, deps, {
      tenantId: caller.tenantId,
      action: addressed.entry.contract.name,
      indexes: orders.map(({ index }) => index),
      appendsOf: (jobIdOf) => appendsOf(deps, orders, { jobIdOf, origin, text }),
      text,
      hasWebhooks: orders.some(({ order }) => order.webhook !== undefined),
    });
    const jobAt = new Map(orders.map(({ index }, place) => [index, jobs[place]]));
    const { tenantId } = caller;
    const room = createErrorRoom();
    const errorsOf = errorsByItem(items, room);
    const place = { tenantId, actionPath: addressed.path.prefix };
    const told = items.map(({ index }) =>
      itemAnswer(index, { errors: errorsOf.get(index), job: jobAt.get(index), place }),
    );
    const cut = room.isShort() ? { more_errors: true } : {};
    return answer(c, {
      status: 202,
      body: { accepted: orders.length, rejected: wrong, items: told, ...cut },
      headers: replayed ? { 'idempotency-replayed': 'true' } : {},
    });
  };
}

async function appendsOf(
  deps: RunBatchDeps,
  orders: readonly Extract<BatchItem, { kind: 'order' }>[],
  sent: { jobIdOf: (index: number) => string; origin: RequestOrigin; text: string },
): Promise<AppendRequest[]> {
  const { jobIdOf, origin, text } = sent;
  const { tenantId } = origin.caller;
  // No item is larger than all of them: a batch without a large one is not measured item by item.
  const bytes = Buffer.byteLength(text);
  const appends: AppendRequest[] = [];
  const breathe = createBreather();
  for (const { index, order } of orders) {
    const jobId = jobIdOf(index);
    await breathe();
    appends.push(jobRequestOf(await storeInput(deps, order, { tenantId, jobId, bytes }), jobId, origin));
  }
  return appends;
}

function originOf(c: Ctx, deps: RunBatchDeps, caller: Caller): RequestOrigin {
  const traceparent = traceParentOf(c.req.raw.headers.get('traceparent'));
  return { caller, nowMs: deps.now(), traceparent, appendTimeoutMs: deps.appendTimeoutMs };
}

/**
 * An item whose event the log could not take is found out here, since half a batch cannot be taken back. A large input
 * is not in its event.
 */
function checkItems(
  deps: RunBatchDeps,
  sent: SentBatchBody & { addressed: AddressedAction; origin: RequestOrigin },
): Promise<BatchItem[]> {
  const { addressed, origin } = sent;
  const { entry, resource } = addressed;
  const { maxLifeMs, defaultLifeMs, urlRules } = deps;
  const { nowMs } = origin;
  const context = { entry, resource, nowMs, maxLifeMs, defaultLifeMs, urlRules, steps: createSteps() };
  return checkBatchBody(sent, context, (order) => eventError(order, origin, deps));
}

function eventError(
  order: JobOrder,
  origin: RequestOrigin,
  deps: Pick<RunBatchDeps, 'maxEventBytes' | 'inlinePayloadBytes' | 'maxBodyBytes'>,
): InputError | undefined {
  // Any id will do to measure with.
  const { event } = jobRequestOf(order, '00000000-0000-7000-8000-000000000000', origin);
  const inputBytes = Buffer.byteLength(JSON.stringify(order.input));
  const isApart = inputBytes > deps.inlinePayloadBytes;
  const eventBytes = Buffer.byteLength(JSON.stringify(event)) - (isApart ? inputBytes : 0);
  if (inputBytes <= deps.maxBodyBytes && eventBytes <= deps.maxEventBytes()) return undefined;
  return { pointer: '#', code: 'too_large', detail: 'is larger than a run may be' };
}

function itemAnswer(
  index: number,
  {
    errors,
    job,
    place,
  }: {
    errors: InputError[] | undefined;
    job: AcceptedJob | undefined;
    place: { tenantId: string; actionPath: string };
  },
): ItemAnswer {
  if (errors) return { index, errors };
  if (!job) throw new Error('an accepted item has no job');
  const { jobId, version } = job;
  const links = jobLinks({ tenantId: place.tenantId, jobId }, place.actionPath);
  return { index, job_id: jobId, version, links };
}
