/**
 * Thrown by an action to end its job for good, without another attempt. The caller reads all three parts in the job's
 * summary, so they must hold nothing that a caller may not see. The `cause` is for the log.
 */
export class PermanentError extends Error {
  override name = 'PermanentError';
  readonly code: string;
  readonly details: unknown[];
  constructor(code: string, message: string, details: unknown[] = [], options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }
}

/** Another attempt may succeed, but only after a while. */
export class RetryLater extends Error {
  override name = 'RetryLater';
  readonly afterMs: number;
  constructor(message: string, afterMs: number) {
    super(message);
    this.afterMs = afterMs;
  }
}

/** No gateway has told how callback URLs are made, but another attempt may succeed. Thrown by `callbackUrl`. */
export class CallbackUnavailable extends Error {
  override name = 'CallbackUnavailable';
}

/** A result could not be stored, but another attempt may succeed. Thrown by `saveResult`. */
export class ResultNotStored extends Error {
  override name = 'ResultNotStored';
}

/** The remote worker that had an attempt is silent. Another attempt may succeed. */
export class WorkerLost extends Error {
  override name = 'WorkerLost';
}
