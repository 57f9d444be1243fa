import { setTimeout as sleep } from 'node:timers/promises';
import { restartPauseMs, STEADY_AFTER_MS } from './restart-pause.ts';

export interface ChildExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A process that was started, such as the servers of `@errand/local-servers`. */
export interface Child {
  readonly pid: number;
  readonly exited: Promise<ChildExit>;
  /** Asks it to end, kills it if it does not, and resolves when it is gone. */
  stop(): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** What keeps a live process from its work; undefined if nothing does. Must not reject. */
  trouble?(): Promise<string | undefined>;
}

export interface Supervised {
  readonly name: string;
  /** The pid of the latest start. */
  readonly pid: number;
  /** Ends the child for good. */
  stop(): Promise<void>;
  /** Kills the child for good, without waiting. */
  kill(): void;
}

export interface SuperviseOptions {
  name: string;
  start: () => Promise<Child>;
  say: (line: string) => void;
  /** Called after each further start, when `pid` has changed. */
  onRestarted: () => void;
  /** An end after which the child is not started again; `onGivenUp` is then called once. */
  isFinal?: (exit: ChildExit) => boolean;
  onGivenUp?: (exit: ChildExit) => Promise<void>;
  /** How often a child is asked for trouble. Default: 2 s. */
  healthIntervalMs?: number;
}

const HEALTH_INTERVAL_MS = 2_000;
/** A server that is busy for a moment is not ended. */
const TROUBLES_TO_END = 3;

/**
 * Starts a child and restarts it whenever it ends, until stopped. One that lives and is in trouble three times in a row
 * is ended. Each end is one line on the terminal; pauses between starts grow (see restartPauseMs). Rejects when the
 * first start does.
 */
export async function supervise(options: SuperviseOptions): Promise<Supervised> {
  let child = await options.start();
  const stopped = new AbortController();

  async function watch(): Promise<void> {
    let failures = 0;
    while (!stopped.signal.aborted) {
      const startedMs = performance.now();
      const untended = tend(child);
      const exit = await child.exited;
      untended();
      if (stopped.signal.aborted) return;
      if (options.isFinal?.(exit)) return await options.onGivenUp?.(exit);
      failures = performance.now() - startedMs >= STEADY_AFTER_MS ? 1 : failures + 1;
      options.say(`${options.name} ended (${exit.signal ?? `code ${exit.code}`}); starting it again`);
      failures = await startAgain(failures);
    }
  }

  /** Ends a child that stays in trouble; returns the way to stop watching. */
  function tend(tended: Child): () => void {
    const { healthIntervalMs = HEALTH_INTERVAL_MS } = options;
    if (!tended.trouble) return () => {};
    let isOver = false;
    let timer: NodeJS.Timeout;
    const look = async (troubles: number) => {
      const trouble = await tended.trouble?.();
      if (isOver) return;
      const inARow = trouble === undefined ? 0 : troubles + 1;
      if (inARow < TROUBLES_TO_END) {
        timer = setTimeout(look, healthIntervalMs, inARow);
        return;
      }
      options.say(`${options.name} is running but not working (${trouble}); stopping it`);
      void tended.stop();
    };
    timer = setTimeout(look, healthIntervalMs, 0);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }

  async function startAgain(failuresBefore: number): Promise<number> {
    for (let failures = failuresBefore; ; failures++) {
      await sleep(restartPauseMs(failures), undefined, { signal: stopped.signal }).catch(() => {});
      if (stopped.signal.aborted) return failures;
      try {
        child = await options.start();
        if (stopped.signal.aborted) await child.stop();
        else options.onRestarted();
        return failures;
      } catch (error) {
        options.say(`${options.name} did not start: ${error instanceof Error ? error.message : error}`);
      }
    }
  }

  const watching = watch();
  return {
    name: options.name,
    get pid() {
      return child.pid;
    },
    async stop() {
      stopped.abort();
      await child.stop();
      await watching;
    },
    kill() {
      stopped.abort();
      child.kill('SIGKILL');
    },
  };
}
