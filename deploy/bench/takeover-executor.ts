/* An executor under measurement: the real one, with an action that it is taken away from. */
import { settings, startExecutor } from '@errand/executor';
import { runService } from '@errand/runtime';

await runService({
  name: 'executor',
  settings,
  start: (config, context) =>
    startExecutor(config, {
      ...context,
      modules: [new URL('./takeover-action.ts', import.meta.url).href],
    }),
});
