/** The arguments make no sense, or something on this machine is missing: the command could not run. */
export class CannotRun extends Error {
  override name = 'CannotRun';
  readonly code = 'cannot_run';
  readonly retryable = true;
}

/** What keeps work from being done is told in a line; a stop is told as such. */
export async function orCannotRun<T>({ signal }: { signal: AbortSignal }, done: Promise<T>): Promise<T> {
  try {
    return await done;
  } catch (error) {
    if (signal.aborted) throw error;
    throw new CannotRun(error instanceof Error ? error.message : String(error));
  }
}
