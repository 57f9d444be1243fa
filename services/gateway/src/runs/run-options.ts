import {
  type ActionContract,
  type ConcurrencyKey,
  fragmentOf,
  type InputError,
  type JobWebhook,
  Metadata,
  type PayloadRef,
  pointerToken,
} from '@errand/contracts';
import type { CheckSteps } from '@errand/json-schema';
import type { CatalogueEntry } from '../actions/action-catalogue.ts';
import { checkBody } from '../http/body-errors.ts';
import type { KeyLimits } from '../http/key-limits.ts';
import { Refusal } from '../http/problem.ts';
import type { UrlRules } from '../webhooks/endpoints/endpoint-url.ts';
import { concurrencyOf, unknownKeys } from './concurrency-keys.ts';
import { type JobLife, JobOptions, type JobTimes, jobTimesOf, readJobWebhook } from './job-options.ts';

/** A job that may be requested: all of it has been checked. */
export interface JobOrder {
  readonly contract: ActionContract;
  readonly resource: Record<string, string>;
  readonly input: unknown;
  /** Where the input lies, once it is stored apart from the event. */
  readonly inputRef?: PayloadRef;
  readonly metadata: Record<string, string>;
  readonly times: JobTimes;
  readonly source: 'api' | 'retry' | 'schedule';
  readonly retryOf?: string;
  /** Whose tick it is of. */
  readonly schedule?: { readonly schedule_id: string; readonly at: string };
  readonly webhook?: JobWebhook | undefined;
  /** 1 to 9, where jobs of the tenant wait for their turn: higher ones go first. */
  readonly priority?: number | undefined;
  /** Of which its contract allows so many jobs at a time. */
  readonly concurrency?: ConcurrencyKey[] | undefined;
}

export type CheckedOrder =
  | { readonly kind: 'order'; readonly order: JobOrder }
  | { readonly kind: 'invalid'; readonly errors: Iterable<InputError> };

/** What options of a run may be. */
export interface OrderLimits extends JobLife {
  /** Which URLs webhooks may have. */
  readonly urlRules: UrlRules;
}

/** What an input is checked against. */
export interface OrderContext extends OrderLimits {
  readonly entry: CatalogueEntry;
  readonly resource: Record<string, string>;
  readonly nowMs: number;
  /** Shared by all inputs of one request. */
  readonly steps: CheckSteps;
  /** What its key is for. */
  readonly only: KeyLimits;
}

/**
 * Splits a run's body into the action's input and the options under `_job`, both checked. Takes the options out of
 * the body that it is given. `length` is the number of characters of its JSON.
 * @throws Refusal bad_contract, nested_too_deeply
 */
export function checkRunBody(
  body: Record<string, unknown>,
  length: number,
  context: OrderContext,
): CheckedOrder {
  let sent: unknown;
  if (Object.hasOwn(body, '_job')) {
    sent = body._job;
    delete body._job;
  }
  const options = checkOptions(sent, context);
  const inputErrors = checkInput(body, length, context);
  if (options.kind === 'invalid') return { kind: 'invalid', errors: both(options.errors, inputErrors) };
  if (inputErrors.length > 0) return { kind: 'invalid', errors: inputErrors };
  const { entry, resource } = context;
  const { metadata, times, webhook, priority, keys } = options;
  const { contract } = entry;
  const concurrency = concurrencyOf(contract, body, keys);
  return {
    kind: 'order',
    order: {
      contract,
      resource,
      input: body,
      metadata,
      times,
      source: 'api',
      webhook,
      priority,
      concurrency,
    },
  };
}

function* both(first: Iterable<InputError>, second: Iterable<InputError>): Iterable<InputError> {
  yield* first;
  yield* second;
}

type CheckedOptions =
  | ({ readonly kind: 'options' } & Pick<JobOrder, 'metadata' | 'times' | 'webhook' | 'priority'> & {
        readonly keys: Readonly<Record<string, string>> | undefined;
      })
  | { readonly kind: 'invalid'; readonly errors: Iterable<InputError> };

const NO_OPTIONS: { kind: 'valid'; value: JobOptions } = { kind: 'valid', value: {} };

/** `sent` is undefined where there are none. */
function checkOptions(sent: unknown, context: OrderContext): CheckedOptions {
  const options = sent === undefined ? NO_OPTIONS : checkBody(JobOptions, sent, '/_job');
  if (options.kind === 'invalid') return options;
  const { metadata: sentMetadata = {}, webhook: asked, priority, concurrency_keys: keys } = options.value;
  const { metadata, errors: foreign } = ownMetadata(sentMetadata, context.only, '/_job/metadata');
  const timed = jobTimesOf(options.value, context);
  const webhook = asked && readJobWebhook(asked, context);
  const unknown = unknownKeys(context.entry.contract, keys);
  if (timed.kind === 'invalid' || webhook?.kind === 'invalid' || unknown.length + foreign.length > 0) {
    const errors = [timed, webhook].flatMap((each) => (each?.kind === 'invalid' ? each.errors : []));
    errors.push(...unknown, ...foreign);
    return { kind: 'invalid', errors };
  }
  return { kind: 'options', metadata, times: timed.times, webhook: webhook?.webhook, priority, keys };
}

/** What was sent with what the key's own jobs have, or what of it contradicts that. */
export function ownMetadata(
  sent: Record<string, string>,
  { metadata: own }: KeyLimits,
  place: string,
): { metadata: Record<string, string>; errors: InputError[] } {
  if (!own) return { metadata: sent, errors: [] };
  const metadata = { ...sent, ...own };
  const errors = Object.entries(own).flatMap(([name, value]): InputError[] => {
    if (!Object.hasOwn(sent, name) || sent[name] === value) return [];
    const pointer = fragmentOf(place + pointerToken(name));
    return [{ pointer, code: 'const', detail: `must be ${JSON.stringify(value)} with this key` }];
  });
  const fits = Metadata.safeParse(metadata).success;
  if (!fits) {
    const detail = "has too many entries with those of the key's filter";
    errors.push({ pointer: fragmentOf(place), code: 'too_big', detail });
  }
  return { metadata, errors };
}

/** @throws Refusal bad_contract, nested_too_deeply */
export function checkInput(
  input: unknown,
  length: number,
  { entry, steps }: Pick<OrderContext, 'entry' | 'steps'>,
): InputError[] {
  if (!entry.validate) throw new Refusal('bad_contract');
  try {
    return entry.validate(input, length, steps);
  } catch (error) {
    // A schema that refers to itself is followed as deep as the input goes.
    throw error instanceof RangeError ? new Refusal('nested_too_deeply') : error;
  }
}
