import type { Action } from '@errand/actions';
import { ConfigError, runService, type ServiceContext } from '@errand/runtime';
import { type ExecutorConfig, settings, workerSettings } from './config.ts';
import { guardExits, takeStray } from './isolation/guard-process.ts';
import { ATTEMPT_MARK, serveIsolatedAttempt } from './isolation/serve-isolated-attempt.ts';
import { createStrayLog } from './isolation/stray-log.ts';
import { watchMainThread } from './isolation/watchdog.ts';
import { actionNamed } from './loading/exported-actions.ts';
import { assertServable } from './loading/load-actions.ts';
import { startWorker } from './remote/start-worker.ts';
import { startExecutor } from './start.ts';

interface ExecutorOptions {
  readonly actions: readonly Action[];
  /**
   * Where NATS cannot be reached: the URL of an executor with `ERRAND_WORKERS_PORT`, and one of its keys. Attempts run in
   * this process then, never alone.
   */
  readonly remote?: { readonly url: string; readonly key: string };
}

/**
 * The whole of a `main.ts` of one's own: a process that serves these actions until SIGTERM or SIGINT, with the settings
 * of every executor but `ERRAND_ACTIONS`. Never resolves. Exit codes: 0 stopped as told, 1 failed, 2 wrong
 * configuration or actions. An attempt that is to run alone has this file started once more, up to here. Actions that want worker threads, or that reload when their file is saved, are named by
 * `ERRAND_ACTIONS` instead: a thread has to load their code by itself.
 */
export function runExecutor({ actions, remote }: ExecutorOptions): Promise<void> {
  if (remote) return runWorker(actions, remote);
  if (process.env[ATTEMPT_MARK] !== undefined && process.send) {
    serveIsolatedAttempt(async (actionName) => actionNamed(actionName, { ...actions }, 'main.ts'));
    return new Promise(() => {});
  }
  return runExecutorService((config, context) => {
    assertOwn(actions);
    const given = actions.map((action) => ({ action, isMain: true }));
    return startExecutor(config, context, { given });
  });
}

function runWorker(actions: readonly Action[], { url, key }: { url: string; key: string }): Promise<void> {
  guardExits();
  return runService({
    name: 'worker',
    settings: workerSettings,
    async start({ finishGraceMs }, { log, fail, onStray }) {
      assertOwn(actions);
      const strays = createStrayLog({ log, count: () => {} });
      onStray?.(takeStray(strays.report));
      return startWorker({ actions, url, key, log, fail, finishGraceMs, onStray: strays.report });
    },
  });
}

/** A process that no attempt ends, and that ends when it no longer answers. */
export function runExecutorService(
  start: (config: ExecutorConfig, context: ServiceContext) => Promise<AsyncDisposable>,
): Promise<void> {
  guardExits();
  return runService({
    name: 'executor',
    settings,
    async start(config, context) {
      if (config.blockedMs > 0) watchMainThread(config.blockedMs);
      return start(config, context);
    },
  });
}

function assertOwn(actions: readonly Action[]): void {
  if (actions.length === 0) throw new ConfigError('runExecutor was given no action');
  try {
    assertServable(actions);
  } catch (error) {
    throw new ConfigError(error instanceof Error ? error.message : String(error));
  }
  const names = actions.map(({ contract }) => contract.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new ConfigError(`two actions are named ${twice}`);
  const threaded = actions.find(({ thread }) => thread === 'worker');
  if (threaded) {
    const { name } = threaded.contract;
    throw new ConfigError(`${name} needs worker threads: put its file into ERRAND_ACTIONS instead`);
  }
}
