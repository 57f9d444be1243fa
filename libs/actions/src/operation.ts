import type { Action, Attempt, CallbackOptions } from './define-action.ts';

/*
 * An attempt may leave its work to an outside system and hold no slot meanwhile. There are two kinds:
 *
 *   polled     `run` returns a Deferral, and is called again with the operation when the wait is over.
 *              Only Errand's own actions do so.
 *   callback   `run` returns `defer()`: one call at `callbackUrl()` ends the job. If none comes in time, the attempt
 *              has failed, and `run` is called anew for the next one.
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

/** What `run` returns to leave the job's ending to one HTTP call. */
export class CallbackDeferral {
  /** How long the call may take to come, in milliseconds; undefined: as long as the action says. */
  readonly withinMs: number | undefined;
  /** Where the work is canceled; undefined: nowhere. */
  readonly address: string | undefined;
  constructor({ withinMs, address }: { withinMs?: number | undefined; address?: string | undefined }) {
    this.withinMs = withinMs;
    this.address = address;
  }
}

/**
 * Returned by `run`: ends the attempt's part and frees its slot. The job waits for one call at what `callbackUrl()` gave.
 * `withinMs`: how long that may take, 1 to 2,147,483,647; then the attempt fails with `callback_missing`. Default: the
 * action's `callback.withinMs`.
 * @throws RangeError
 */
export function defer({ withinMs }: { withinMs?: number } = {}): CallbackDeferral {
  const isFit = withinMs === undefined || (withinMs >= 1 && withinMs <= 2_147_483_647);
  if (!isFit) throw new RangeError('withinMs must be between 1 and 2,147,483,647');
  return new CallbackDeferral({ withinMs });
}

const DEFAULT_WITHIN_MS = 3_600_000;

/** The same as an executor takes it, with its defaults. */
export function callbackOf(options: CallbackOptions = {}): Action['callback'] {
  const { result = '', failedWhen, error, verify, methods = ['POST', 'PUT'] } = options;
  const terms: ReturnType<Action['callback']['terms']> = { result, methods };
  if (failedWhen) terms.failed_when = failedWhen;
  if (error !== undefined) terms.error = error;
  if (verify) terms.verify = { header: verify.header, hmac_sha256: verify.hmacSha256 };
  return { terms: () => terms, withinMs: options.withinMs ?? DEFAULT_WITHIN_MS };
}
