/* An executor of the fault actions, in a process of its own. */
import { settings, startExecutor } from '@errand/executor';
import { runService } from '@errand/runtime';

await runService({
  name: 'executor',
  settings,
  start: (config, context) =>
    startExecutor(config, { ...context, modules: [new URL('./fault-actions.ts', import.meta.url).href] }),
});
