import type { Transport } from '../http/transport.ts';
import { isLargeJson, type JobRef, unwrap } from './job.ts';
import { download } from './result.ts';
import { type WaitOptions, waitForJob } from './wait.ts';

/**
 * A job's result: waits for its end, and fetches a result that is too large for the summary. For an action that makes
 * files, it is the link of the file. `timeoutMs` limits only the waiting.
 * @throws JobFailedError if it does not succeed; what `wait` and `result` throw
 */
export async function outputOf<R>(
  transport: Transport,
  job: JobRef<R>,
  options: WaitOptions<R> = {},
): Promise<R> {
  const ended = await waitForJob(transport, job, options);
  if (ended.status !== 'succeeded' || !isLargeJson(ended)) return unwrap(ended);
  return (await download<R>(transport, job, { signal: options.signal, what: 'result' })).json();
}
