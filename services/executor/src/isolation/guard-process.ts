import { syncBuiltinESMExports } from 'node:module';
import { causeOf } from '@errand/actions/execution';
import { chargeAttempt, jobInContext } from './attempt-charge.ts';

/** Told of an error that nobody caught and nobody is charged with. */
export type OnStray = (stray: { cause: string; jobId?: string }) => void;

/**
 * Keeps what attempts run in this process, or in this thread, from ending it: errors that nobody caught go to the
 * attempt that they belong to, or to `onStray`, and calls that would end the process fail the attempt that makes them.
 */
export function guardProcess(onStray: OnStray): void {
  const take = takeStray(onStray);
  process.on('uncaughtException', take);
  process.on('unhandledRejection', take);
  guardExits();
}

/** What is done about an error that nobody caught. */
export function takeStray(onStray: OnStray): (error: unknown) => void {
  return (error) => {
    if (chargeAttempt(error)) return;
    const jobId = jobInContext();
    onStray({ cause: causeOf(error), ...(jobId === undefined ? {} : { jobId }) });
  };
}

/** Calls that come from no attempt end the process as ever. */
export function guardExits(): void {
  for (const name of ['exit', 'abort', 'kill'] as const) {
    const real = process[name].bind(process) as (...words: unknown[]) => unknown;
    const guarded = (...words: unknown[]): unknown => {
      const isFatal = name !== 'kill' || endsThisProcess(words[0], words[1]);
      if (!isFatal || jobInContext() === undefined) return real(...words);
      const error = new Error(`process.${name}(${words.map(String).join(', ')}) was called in an attempt`);
      chargeAttempt(error);
      // It does not return where it is not refused either.
      throw error;
    };
    Object.assign(process, { [name]: guarded });
  }
  // For those who import the functions by name.
  syncBuiltinESMExports();
}

/** Also as a member of its group, or of all that there is. */
function endsThisProcess(pid: unknown, signal: unknown): boolean {
  return signal !== 0 && [process.pid, -process.pid, 0, -1].includes(Number(pid));
}
