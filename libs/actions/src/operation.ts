import type { Attempt } from './define-action.ts';

/*
 * An attempt may leave its work to an outside system and hold no slot meanwhile. Only Errand's own actions do so: their
 * `run` returns a Deferral, and is called again with the operation when the wait is over.
 */

/** An attempt as an executor starts it. */
export interface BegunAttempt extends Attempt<unknown, string> {
  /** What an earlier begin deferred for, however often the job was begun since. */
  readonly operation?: { readonly address: string; readonly elapsedMs: number } | undefined;
  /** Until the job expires. */
  readonly remainingMs?: number | undefined;
}

/** What `run` returns to be called again after a while. */
export class Deferral {
  /** Where the operation is found. */
  readonly address: string;
  readonly afterMs: number;
  constructor(address: string, afterMs: number) {
    this.address = address;
    this.afterMs = afterMs;
  }
}
