import type { Action } from '@errand/actions';
import { ConfigError, runService } from '@errand/runtime';
import { settings } from './config.ts';
import { assertServable } from './load-actions.ts';
import { startExecutor } from './start.ts';

/**
 * The whole of a `main.ts` of one's own: a process that serves these actions until SIGTERM or SIGINT, with the settings
 * of every executor but `ERRAND_ACTIONS`. Never resolves. Exit codes: 0 stopped as told, 1 failed, 2 wrong
 * configuration or actions. Actions that want worker threads, or that reload when their file is saved, are named by
 * `ERRAND_ACTIONS` instead: a thread has to load their code by itself.
 */
export function runExecutor({ actions }: { actions: readonly Action[] }): Promise<void> {
  return runService({
    name: 'executor',
    settings,
    start(config, context) {
      assertOwn(actions);
      return startExecutor(config, context, actions);
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
  if (twice !== undefined) throw new ConfigError(`two actions are called ${twice}`);
  const threaded = actions.find(({ thread }) => thread === 'worker');
  if (threaded) {
    const { name } = threaded.contract;
    throw new ConfigError(`${name} wants worker threads: name its file in ERRAND_ACTIONS instead`);
  }
}
