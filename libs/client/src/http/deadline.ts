/** A signal for one exchange: aborted by the caller's own, or when its time is up. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Whether the time was up. */
  readonly isOver: () => boolean;
  /** Restarts the time limit, or removes it with undefined. */
  readonly extend: (timeoutMs: number | undefined) => void;
  readonly abort: () => void;
  /** Releases the timer and the caller's signal; must be called. */
  readonly release: () => void;
}

/** A longer one fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** What a timer can hold. Node warns of negative times. */
function timerMs(ms: number): number {
  return Math.min(Math.max(ms, 0), LONGEST_TIMER_MS);
}

/**
 * One controller and a timer that is held: a signal composed of others may be garbage-collected before it fires, as
 * `AbortSignal.any` of `AbortSignal.timeout` is in Node 20.
 */
export function startDeadline(timeoutMs: number | undefined, caller?: AbortSignal): Deadline {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  const abort = () => controller.abort(caller?.reason);
  const extend = (ms: number | undefined) => {
    clearTimeout(timer);
    if (ms === undefined) return;
    timer = setTimeout(() => {
      isOver = true;
      controller.abort();
    }, timerMs(ms));
  };
  if (caller?.aborted) abort();
  else caller?.addEventListener('abort', abort, { once: true });
  extend(timeoutMs);
  return {
    signal: controller.signal,
    isOver: () => isOver,
    extend,
    abort: () => controller.abort(),
    release() {
      clearTimeout(timer);
      caller?.removeEventListener('abort', abort);
    },
  };
}

/** Rejects with the signal's reason as soon as it is aborted. Timers, and so sleeps, last at most 24 days. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, timerMs(ms));
    signal?.addEventListener('abort', stop, { once: true });
  });
}

/** Settles like the promise, or rejects with the signal's reason as soon as that is aborted. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
