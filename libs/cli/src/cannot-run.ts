/** The arguments make no sense, or something on this machine is missing: the command could not run. */
export class CannotRun extends Error {
  override name = 'CannotRun';
  readonly code = 'cannot_run';
  readonly retryable = true;
}
