import type { Action } from '@errand/actions';
import { ConfigError, runService, type ServiceContext } from '@errand/runtime';
import { type ExecutorConfig, settings } from './config.ts';
import { guardExits } from './isolation/guard-process.ts';
import { ATTEMPT_MARK, serveIsolatedAttempt } from './isolation/serve-isolated-attempt.ts';
import { watchMainThread } from './isolation/watchdog.ts';
import { actionNamed } from './loading/exported-actions.ts';
import { assertServable } from './loading/load-actions.ts';
import { startExecutor } from './start.ts';

/**
 * The whole of a `main.ts` of one's own: a process that serves these actions until SIGTERM or SIGINT, with the settings
 * of every executor but `ERRAND_ACTIONS`. Never resolves. Exit codes: 0 stopped as told, 1 failed, 2 wrong
 * configuration or actions. An attempt that is to run alone has this file started once more, up to here. Actions that want worker threads, or that reload when their file is saved, are named by
 * `ERRAND_ACTIONS` instead: a thread has to load their code by itself.
 */
export function runExecutor({ actions }: { actions: readonly Action[] }): Promise<void> {
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
