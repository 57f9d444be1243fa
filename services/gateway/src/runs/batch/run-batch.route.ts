import type { AppendRequest } from '@errand/bus';
import type { InputError } from '@errand/contracts';
import { createSteps } from '@errand/json-schema';
import { parseActionPath, rawPathOf } from '../../actions/action-path.ts';
import { type AddressedAction, findAction } from '../../actions/find-action.ts';
import type { Caller } from '../../http/authenticate.ts';
import { defineActionRoute } from '../../http/define-route.ts';
import { Refusal } from '../../http/problem.ts';
import { readFlawedJsonObject } from '../../http/read-body.ts';
import { isDryRun, refuseUnknownParameters } from '../../http/read-query.ts';
import { busy, type Ctx } from '../../http/request-log.ts';
import { answer } from '../../http/respond.ts';
import { createBreather } from '../../load/breather.ts';
import { DryRun, RUN_PROBLEMS } from '../../openapi/job-answers.ts';
import { json } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import { refTo } from '../../openapi/schemas.ts';
import { answerOrReplay } from '../idempotency.ts';
import { jobRequestOf, type RequestOrigin, storeInput } from '../request-job.ts';
import type { JobOrder } from '../run-options.ts';
import type { RunDeps } from '../runs-group.ts';
import { acceptBatch, findBatch } from './accept-batch.ts';
import { answerBatch, BatchAnswer } from './batch-answer.ts';
import { type BatchItem, batchErrors, checkBatchBody, type SentBatchBody } from './batch-order.ts';

interface BatchOrigin extends RequestOrigin {
  readonly caller: Caller;
}

/**
 * Requests a job for each right item: for all of them or, with 503, for an unknown number. 202 says what became of
 * each item; 422 that no item is right.
 */
export const runBatch = defineActionRoute({
  method: 'post',
  verb: 'run-batch',
  scope: 'runs:write',
  describe: ({ name, about, place, schemas }) => ({
    id: `runBatchOf${schemas.pascalName}`,
    summary: `Run ${name} many times`,
    description: `${about}\n\nUp to 1,000 items, each like the body of a run; the answer says of each what became of it.`,
    parameters: [...place, parameters.validateOnly, parameters.idempotencyKey, parameters.traceparent],
    body: {
      schema: {
        type: 'object',
        properties: { items: { type: 'array', items: refTo(schemas.runId), minItems: 1, maxItems: 1_000 } },
        required: ['items'],
        additionalProperties: false,
      },
      required: true,
      ...(schemas.example === undefined ? {} : { example: { items: [schemas.example] } }),
    },
    answers: {
      200: json('With `validate_only`: all items are valid.', DryRun),
      202: json('The log holds the accepted jobs.', BatchAnswer, { headers: ['Idempotency-Replayed'] }),
    },
    problems: RUN_PROBLEMS,
  }),
  handle: (deps: RunDeps) => async (c, caller) => {
    const path = parseActionPath(rawPathOf(c.req.url));
    if (!path) throw new Refusal('unknown_route');
    refuseUnknownParameters(c, ['validate_only']);
    const dryRun = isDryRun(c);
    const { tenantId } = caller;
    const { limits, batchLimits } = deps.runs;
    const readBody = () => readFlawedJsonObject(c, limits.bodyLimits(tenantId, batchLimits));
    let items: readonly BatchItem[] = [];
    const checkAndAccept = async (read: typeof readBody) => {
      const addressed = await findAction(c, deps.runs.catalogue);
      const sent = await read();
      const origin = originOf(c, deps, caller);
      items = await checkItems(deps, { ...sent, addressed, origin, work: (item) => busy(c, item) });
      return acceptItems(c, deps, { items, addressed, origin, text: sent.text, dryRun });
    };
    if (dryRun) return checkAndAccept(readBody);
    return answerOrReplay(c, deps.runs.idempotency, {
      caller,
      kind: 'run-batch',
      readBody,
      checkAndAccept,
      async find(record, { body }, isUnderWay) {
        const batch = { tenantId, action: path.action, size: sizeOf(body) };
        const { jobs, isWhole } = await findBatch(deps.jobs, batch, record);
        // A batch that was left half done is not completed by a request that is refused.
        return isWhole || (jobs.size > 0 && !isUnderWay) ? jobs : undefined;
      },
      answerFound: (jobs, { body }) =>
        answerBatch(c, {
          jobs,
          items,
          size: sizeOf(body),
          tenantId,
          actionPath: path.prefix,
          replayed: true,
        }),
    });
  },
});

function sizeOf({ items }: Record<string, unknown>): number {
  return Array.isArray(items) ? items.length : 0;
}

async function acceptItems(
  c: Ctx,
  deps: RunDeps,
  batch: {
    items: readonly BatchItem[];
    addressed: AddressedAction;
    origin: BatchOrigin;
    text: string;
    dryRun: boolean;
  },
): Promise<Response> {
  const { items, addressed, origin, text, dryRun } = batch;
  const orders = items.filter((item) => item.kind === 'order');
  if (orders.length === 0 || (dryRun && orders.length < items.length)) {
    throw new Refusal('invalid_input', { errors: batchErrors(items) });
  }
  if (dryRun) return answer(c, { status: 200, body: { valid: true } });
  const { caller } = origin;
  const { tenantId } = caller;
  const { value: jobs, replayed } = await acceptBatch(c, deps, {
    tenantId,
    caller,
    action: addressed.entry.contract.name,
    size: items.length,
    right: orders.map(({ index }) => index),
    appendsOf(places, jobIdOf) {
      const wanted = new Set(places);
      const those = orders.filter(({ index }) => wanted.has(index));
      return appendsOf(deps, those, { jobIdOf, origin, text });
    },
    text,
    hasWebhooks: orders.some(({ order }) => order.webhook !== undefined),
  });
  const actionPath = addressed.path.prefix;
  return answerBatch(c, { jobs, items, size: items.length, tenantId, actionPath, replayed });
}

async function appendsOf(
  deps: RunDeps,
  orders: readonly Extract<BatchItem, { kind: 'order' }>[],
  sent: { jobIdOf: (index: number) => string; origin: BatchOrigin; text: string },
): Promise<AppendRequest[]> {
  const { jobIdOf, origin, text } = sent;
  const { tenantId } = origin.caller;
  // No item is larger than the whole batch, so a small batch is not measured item by item.
  const bytes = Buffer.byteLength(text);
  const appends: AppendRequest[] = [];
  const breathe = createBreather();
  for (const { index, order } of orders) {
    const jobId = jobIdOf(index);
    await breathe();
    appends.push(jobRequestOf(await storeInput(deps.runs, order, { tenantId, jobId, bytes }), jobId, origin));
  }
  return appends;
}

function originOf(c: Ctx, deps: RunDeps, caller: Caller): BatchOrigin {
  const { traceparent } = c.env;
  return { caller, nowMs: deps.runs.now(), traceparent, appendTimeoutMs: deps.runs.appendTimeoutMs };
}

/**
 * An item whose event the log could not take is found out here, since half a batch cannot be taken back. A large input
 * is not in its event.
 */
function checkItems(
  deps: RunDeps,
  sent: SentBatchBody & { addressed: AddressedAction; origin: BatchOrigin },
): Promise<BatchItem[]> {
  const { addressed, origin } = sent;
  const { entry, resource } = addressed;
  const { maxLifeMs, defaultLifeMs, urlRules } = deps.runs;
  const { nowMs } = origin;
  const { only } = origin.caller;
  const steps = createSteps();
  const context = { entry, resource, nowMs, maxLifeMs, defaultLifeMs, urlRules, steps, only };
  return checkBatchBody(sent, context, (order) => eventError(order, origin, deps));
}

function eventError(order: JobOrder, origin: BatchOrigin, { http, runs }: RunDeps): InputError | undefined {
  // Any id will do to measure with.
  const { event } = jobRequestOf(order, '00000000-0000-7000-8000-000000000000', origin);
  const inputBytes = Buffer.byteLength(JSON.stringify(order.input));
  const isApart = inputBytes > runs.inlinePayloadBytes;
  const eventBytes = Buffer.byteLength(JSON.stringify(event)) - (isApart ? inputBytes : 0);
  if (inputBytes <= http.maxBodyBytes && eventBytes <= runs.maxEventBytes()) return undefined;
  return { pointer: '#', code: 'too_large', detail: 'exceeds the size limit of a run' };
}
