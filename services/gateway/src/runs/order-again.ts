import { text } from 'node:stream/consumers';
import { PayloadBroken } from '@errand/bus';
import { type ConcurrencyKey, type JobEventOf, type PayloadRef, uuidV7TimeMs } from '@errand/contracts';
import { createSteps } from '@errand/json-schema';
import { fillResource } from '../actions/action-path.ts';
import type { KeyLimits } from '../http/key-limits.ts';
import { Refusal } from '../http/problem.ts';
import { concurrencyOf } from './concurrency-keys.ts';
import { type JobLife, jobTimesOf } from './job-options.ts';
import { checkInput, type JobOrder, ownMetadata } from './run-options.ts';
import type { RunDeps } from './runs-group.ts';

/** What a job was asked for, and what is asked for instead. */
interface AgainWanted {
  readonly tenantId: string;
  /** The ended job. */
  readonly jobId: string;
  readonly request: JobEventOf<'JobRequested'>['data'];
  readonly changes: {
    readonly input?: Record<string, unknown> | undefined;
    readonly metadata?: Record<string, string> | undefined;
  };
  /** What the key is for that asks. */
  readonly only: KeyLimits;
  readonly nowMs: number;
}

/**
 * The order of an ended job's request, under the action's contract of today. Its deadlines are those of a request that
 * names none.
 * @throws Refusal unknown_action, invalid_input, input_gone, bad_contract, nested_too_deeply; LogUnavailable
 */
export async function orderAgain(
  { runs }: Pick<RunDeps, 'runs'>,
  { tenantId, jobId, request, changes, only, nowMs }: AgainWanted,
): Promise<{ order: JobOrder; inputBytes: number; actionPath: string }> {
  const entry = await runs.catalogue.find(request.action);
  const resource = entry && fillResource(entry.template, request.resource);
  if (!entry || resource === undefined) throw new Refusal('unknown_action');
  const times = timesOf(runs, nowMs);
  const { input, json, inputRef } =
    changes.input === undefined
      ? await readInput(runs, request, times)
      : { input: changes.input, json: JSON.stringify(changes.input) };
  const { metadata, errors } = ownMetadata(changes.metadata ?? request.metadata, only, '/metadata');
  const wrong = checkInput(input, json.length, { entry, steps: createSteps() });
  const place = changes.input === undefined ? '' : '/input';
  errors.push(...wrong.map((error) => ({ ...error, pointer: `#${place}${error.pointer?.slice(1) ?? ''}` })));
  if (errors.length > 0) throw new Refusal('invalid_input', { errors });
  const order: JobOrder = {
    contract: entry.contract,
    resource: request.resource,
    input,
    times,
    metadata,
    ...(inputRef ? { inputRef } : {}),
    source: 'retry',
    retryOf: jobId,
    webhook: request.webhook,
    priority: request.priority,
    // Another input may be of another account.
    concurrency: concurrencyOf(
      entry.contract,
      input,
      changes.input === undefined ? valuesOf(request.concurrency) : undefined,
    ),
  };
  const actionPath = `/v2/tenants/${tenantId}${resource}/${request.action}`;
  return { order, inputBytes: Buffer.byteLength(json), actionPath };
}

/** The values that the ended job had, by the names of their keys. */
function valuesOf(keys: readonly ConcurrencyKey[] = []): Record<string, string> {
  return Object.fromEntries(keys.map(({ name, value }) => [name, value]));
}

function timesOf({ maxLifeMs, defaultLifeMs }: JobLife, nowMs: number): JobOrder['times'] {
  const timed = jobTimesOf({}, { nowMs, maxLifeMs, defaultLifeMs });
  if (timed.kind === 'invalid') throw new Error('the default life of a job is not inside the longest one');
  return timed.times;
}

/**
 * The input, and where it may stay: a stored one that outlives the new job is shared by both, any other is stored anew.
 * @throws Refusal input_gone; LogUnavailable
 */
async function readInput(
  { bus, payloadLifeMs }: RunDeps['runs'],
  { input, input_ref: ref }: JobEventOf<'JobRequested'>['data'],
  times: JobOrder['times'],
): Promise<{ input: unknown; json: string; inputRef?: PayloadRef }> {
  if (!ref) return { input, json: JSON.stringify(input) };
  try {
    const opened = await bus.payloads.open(ref);
    if (opened.kind === 'gone') throw new Refusal('input_gone');
    const json = await text(opened.body);
    const goneAtMs = uuidV7TimeMs(ref.key.slice(ref.key.lastIndexOf('/') + 1)) + payloadLifeMs;
    const isShared = goneAtMs > Date.parse(times.finish_by);
    return { input: JSON.parse(json), json, ...(isShared ? { inputRef: ref } : {}) };
  } catch (error) {
    throw error instanceof PayloadBroken ? new Refusal('input_gone') : error;
  }
}
