import { hash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  type CallbackTerms,
  fitsConditions,
  flawsOfWanted,
  type InputError,
  type JobFault,
  mapValue,
  pointersOf,
  type RecordedEvent,
  shownOf,
} from '@errand/contracts';
import type { Validator } from '@errand/json-schema';

/** What the body of a call says. */
export interface Said {
  readonly value: unknown;
  readonly json: string;
}

/** What a call ends its job with. `json` is the result. */
export type Verdict =
  | { kind: 'succeeded'; json: string }
  | { kind: 'failed'; error: JobFault }
  /** It holds what could not be given back as it came. */
  | { kind: 'inexact'; errors: InputError[] }
  /** Its result does not fit the action's schema. */
  | { kind: 'invalid'; errors: InputError[] };

const FAILED = { code: 'operation_failed', message: 'The outside system reported a failure.' };

/** Judges a call by the terms of its action. Only what is used of the body has to be exact. */
export function judgeCall(terms: CallbackTerms, said: Said, validate: Validator): Verdict {
  const { result, failed_when: failedWhen = {}, error } = terms;
  const isFailure = terms.failed_when !== undefined && fitsConditions(failedWhen, said.value);
  const used = isFailure ? (error === undefined ? [] : pointersOf(error)) : pointersOf(result);
  const errors = flawsOfWanted(said.json, [...Object.keys(failedWhen), ...used]);
  if (errors.length > 0) return { kind: 'inexact', errors };
  if (isFailure) {
    const shown = shownOf(error, said.value);
    return {
      kind: 'failed',
      error: { ...FAILED, ...(shown.answer === undefined ? {} : { details: [shown] }) },
    };
  }
  const value = mapValue(result, said.value);
  const json = JSON.stringify(value) ?? 'null';
  const wrong = validate(value, json.length);
  return wrong.length > 0 ? { kind: 'invalid', errors: [...wrong] } : { kind: 'succeeded', json };
}

/** Whether the ending of a job is what a call to this attempt asks for. */
export function isSameEnding(verdict: Verdict, { event }: RecordedEvent): boolean {
  if (verdict.kind === 'failed' && event.type === 'JobFailed') {
    const { details, ...brief } = verdict.error;
    // Details are left out where the log had no room for them.
    return isDeepStrictEqual(
      event.data.error.details === undefined ? brief : verdict.error,
      event.data.error,
    );
  }
  if (verdict.kind !== 'succeeded' || event.type !== 'JobSucceeded') return false;
  const { result = null, result_ref: ref } = event.data;
  if (ref) return ref.sha256 === hash('sha256', verdict.json, 'hex');
  return isDeepStrictEqual(JSON.parse(verdict.json), result);
}

/** Whether a call to this attempt has ended the job, and not its executor. */
export function isEndedByCall({ event }: RecordedEvent, attempt: number): boolean {
  const isOfAttempt = event.type === 'JobSucceeded' || event.type === 'JobFailed';
  return isOfAttempt && event.data.attempt === attempt && event.source === GATEWAY;
}

/** The source of what a gateway writes. */
export const GATEWAY = '/errand/gateway';
