/* An executor under measurement: the real one, with an action that does nothing. */
import { fileURLToPath } from 'node:url';
import { settings, startExecutor } from '@errand/executor';
import { runService } from '@errand/runtime';

await runService({
  name: 'executor',
  settings,
  start: (config, context) =>
    startExecutor(
      { ...config, actions: [fileURLToPath(new URL('./noop-action.ts', import.meta.url))] },
      context,
    ),
});
