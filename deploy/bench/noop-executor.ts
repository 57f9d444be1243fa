/* An executor under measurement: the real one, with an action that does nothing. */
import { settings, startExecutor } from '@errand/executor';
import { runService } from '@errand/runtime';

await runService({
  name: 'executor',
  settings,
  start: (config, context) =>
    startExecutor(config, { ...context, modules: [new URL('./noop-action.ts', import.meta.url).href] }),
});
