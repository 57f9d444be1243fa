import type { RunningServer } from './server-process.ts';

/** A server that can be started again in the same place; `pid` and `exited` are those of its latest start. */
export type Restartable<S extends RunningServer> = S & {
  /** Resolves when the server answers again; one that still runs is stopped first. */
  restart(): Promise<void>;
};

/**
 * Starts a server and resolves to it with a `restart`, which calls `start` again with the first start's server:
 * whatever has an address in it has to come back at the same one.
 */
export async function startRestartable<S extends RunningServer>(
  start: (first: S | undefined) => Promise<S>,
): Promise<Restartable<S>> {
  const first = await start(undefined);
  let current = first;
  return {
    ...first,
    get pid() {
      return current.pid;
    },
    get exited() {
      return current.exited;
    },
    stop: () => current.stop(),
    kill: (signal: NodeJS.Signals) => current.kill(signal),
    async restart() {
      await current.stop();
      current = await start(first);
    },
  };
}
