import { runService } from '@errand/runtime';
import { ACTION_MODULES } from './action-modules.ts';
import { settings } from './config.ts';
import { startExecutor } from './start.ts';

await runService({
  name: 'executor',
  settings,
  start: (config, context) => startExecutor(config, { ...context, modules: ACTION_MODULES }),
});
