import type { Operation, RecordedRequest } from '@errand/domain';
import { createAttemptLog } from '../isolation/attempt-log.ts';
import type { ExecutorDeps, Target } from '../serving/on-job-requested.ts';
import { type LoadedInput, payloadHooks } from './attempt-payloads.ts';
import { addressOf, callbackUrl } from './await-call.ts';
import type { JobLog } from './job-log.ts';

/** A job that ends without its operation. */
interface Ending {
  readonly request: RecordedRequest;
  readonly target: Target;
  readonly deps: ExecutorDeps;
  readonly loaded: LoadedInput;
  readonly log: JobLog;
}

/**
 * Has an operation canceled of which nobody wants to know any more, as well as the other side lets it. False if this
 * process is to stop before it was told.
 */
export async function cancelOutside(
  { target, request, deps, loaded, log }: Ending,
  operation: Operation | undefined,
): Promise<boolean> {
  const { cancelOperation } = target.action;
  const address = operation && addressOf(operation);
  if (address === undefined || !cancelOperation) return true;
  const { ref, event } = request;
  const payloads = payloadHooks({ ...deps, ref, signal: () => deps.giveUp });
  const begun = {
    ...ref,
    ...event.data,
    traceparent: event.traceparent,
    input: loaded.kind === 'gone' ? {} : loaded.input,
    attempt: 1,
    signal: deps.giveUp,
    progress: () => {},
    log: createAttemptLog(log, deps.limits),
    output: () => {},
    callbackUrl: () => callbackUrl({ ...ref, attempt: 1 }, deps),
    ...payloads,
  };
  try {
    await cancelOperation(begun, address);
    log().info('operation_canceled');
  } catch (err) {
    if (deps.giveUp.aborted) return false;
    log().warn({ err }, 'operation_not_canceled');
  }
  return true;
}
