/* An executor under measurement: the real one, with an action that makes files, beside its own. */
import { ACTION_MODULES, settings, startExecutor } from '@errand/executor';
import { runService } from '@errand/runtime';

const modules = [...ACTION_MODULES, new URL('./file-action.ts', import.meta.url).href];

await runService({
  name: 'executor',
  settings,
  start: (config, context) => startExecutor(config, { ...context, modules }),
});
