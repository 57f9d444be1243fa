import { failed } from '@errand/actions/execution';
import {
  type AwaitedAttempt,
  callbackOperation,
  MAX_CALLBACK_ADDRESS,
  readCallbackOperation,
  termsContext,
} from '@errand/contracts';
import type { Operation } from '@errand/domain';
import type { ExecutorDeps, Target } from '../serving/on-job-requested.ts';

/* What an executor does for attempts that wait for a call: it makes the URL, and says in the log how calls are judged. */

/**
 * Where the outside system calls to end an attempt.
 * @throws CallbackUnavailable
 */
export async function callbackUrl(awaited: AwaitedAttempt, deps: ExecutorDeps): Promise<string> {
  const { baseUrl, token } = await deps.callbacks.of(awaited.action);
  return baseUrl + token(awaited);
}

/**
 * The `operation` of an attempt that waits for a call. An address that is too long is left out: the work cannot be
 * canceled then.
 * @throws CallbackUnavailable
 */
export async function awaitedOperation(
  awaited: AwaitedAttempt,
  address: string | undefined,
  { target, deps }: { target: Target; deps: ExecutorDeps },
): Promise<string> {
  const { box } = await deps.callbacks.of(awaited.action);
  const terms = box.seal(JSON.stringify(target.action.callback.terms()), termsContext(awaited));
  const operation = { attempt: awaited.attempt, terms };
  const isFit = address !== undefined && address.length <= MAX_CALLBACK_ADDRESS;
  return callbackOperation(isFit ? { ...operation, address } : operation);
}

/** Whether an attempt has begun again because its call has not come; undefined for an operation that is no callback's. */
export function isMissed(operation: Operation | undefined, attempt: number): boolean | undefined {
  const awaited = operation && readCallbackOperation(operation.address);
  return awaited && awaited.attempt === attempt;
}

export const MISSED = failed('callback_missing');

/** Where an operation is canceled; undefined for one of which nobody was told where. */
export function addressOf(operation: Operation): string | undefined {
  const awaited = readCallbackOperation(operation.address);
  return awaited ? awaited.address : operation.address;
}
