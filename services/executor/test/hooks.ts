import type { AttemptHooks } from '@errand/actions/execution';

/** Test-only: the hooks of an attempt that reports to nobody, stores nothing and finds no other job. */
export function idleHooks(signal: AbortSignal): AttemptHooks {
  return {
    signal,
    progress: () => {},
    log: () => {},
    output: () => {},
    saveResult: () => Promise.reject(new Error('stores nothing')),
    readResult: async () => ({ kind: 'unknown' }),
    callbackUrl: () => Promise.reject(new Error('is called by nobody')),
  };
}
