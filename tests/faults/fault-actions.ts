import { defer, defineAction } from '@errand/actions';
import { Metadata } from '@errand/contracts';

/*
 * Actions that behave in every way an executor must tolerate. Inputs and results are records of strings: the input's
 * `ms` says how long an attempt works; `pid` in the result, and in each progress message, says which executor ran it.
 *
 *   action         an attempt                                        allowed   ends, if undisturbed
 *   quick          returns at once                                        10   succeeded
 *   slow           works for `ms` in a worker thread, with progress
 *                  and lines that callers read                           10   succeeded
 *   flaky          throws before the third                                10   succeeded
 *   hopeless       throws                                                  3   failed
 *   overlong       takes longer than its timeout                           2   failed
 *   obedient       works for `ms` and heeds its signal                    10   succeeded
 *   deaf           blocks its thread for `ms`, its signal unheard         10   succeeded
 *   called_back    leaves the work to the vendor of its input         10   succeeded
 *   crash_once     kills its executor, if it is the first                 10   succeeded
 *   crash_always   kills its executor                                      3   failed
 */

const io = { input: Metadata, result: Metadata } as const;
const SURVIVES = { maxAttempts: 10, firstDelayMs: 100, maxDelayMs: 1_000 };
const GIVES_UP = { maxAttempts: 3, firstDelayMs: 100 };

/** A process for a single attempt is the child of its executor, and the only one with a channel to its parent. */
const executorPid = process.send ? process.ppid : process.pid;
const ranHere = () => ({ pid: String(executorPid) });

export const quick = defineAction({ ...io, name: 'quick', retry: SURVIVES, concurrency: 8, run: ranHere });

export const slow = defineAction({
  ...io,
  name: 'slow',
  retry: SURVIVES,
  thread: 'worker',
  logs: 'caller',
  async run({ input, progress, log, output }) {
    for (const percent of [0, 25, 50, 75]) {
      progress(percent, `pid ${executorPid}`);
      log(`pid ${executorPid}`);
      output({ percent });
      await pause(Number(input.ms) / 4);
    }
    return ranHere();
  },
});

export const flaky = defineAction({
  ...io,
  name: 'flaky',
  retry: SURVIVES,
  run({ attempt }) {
    if (attempt < 3) throw new Error('not yet');
    return ranHere();
  },
});

export const hopeless = defineAction({
  ...io,
  name: 'hopeless',
  retry: GIVES_UP,
  run() {
    throw new Error('never');
  },
});

export const overlong = defineAction({
  ...io,
  name: 'overlong',
  timeoutMs: 500,
  retry: { ...GIVES_UP, maxAttempts: 2 },
  run: () => new Promise<never>(() => {}),
});

export const obedient = defineAction({
  ...io,
  name: 'obedient',
  retry: SURVIVES,
  concurrency: 8,
  async run({ input, signal, progress }) {
    progress(50, `pid ${executorPid}`);
    const aborted = Promise.withResolvers<never>();
    const onAbort = () => aborted.reject(new Error('aborted'));
    signal.addEventListener('abort', onAbort, { once: true });
    await Promise.race([pause(Number(input.ms)), aborted.promise]);
    return ranHere();
  },
});

export const deaf = defineAction({
  ...io,
  name: 'deaf',
  retry: SURVIVES,
  thread: 'worker',
  concurrency: 2,
  run({ input, progress }) {
    progress(50, `pid ${executorPid}`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(input.ms));
    return ranHere();
  },
});

export const calledBack = defineAction({
  ...io,
  name: 'called_back',
  retry: SURVIVES,
  concurrency: 8,
  callback: { withinMs: 60_000 },
  async run({ input, callbackUrl }) {
    await fetch(String(input.vendor), { method: 'POST', body: await callbackUrl() });
    return defer();
  },
});

export const crashOnce = defineAction({
  ...io,
  name: 'crash_once',
  retry: SURVIVES,
  run: ({ attempt }) => (attempt === 1 ? crash() : ranHere()),
});

export const crashAlways = defineAction({ ...io, name: 'crash_always', retry: GIVES_UP, run: crash });

function crash(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => {});
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
