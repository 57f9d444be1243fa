/* An executor under measurement: the real one, with an action that holds its slot for a time. */
import { fileURLToPath } from 'node:url';
import { settings, startExecutor } from '@errand/executor';
import { runService } from '@errand/runtime';

await runService({
  name: 'executor',
  settings,
  start: (config, context) =>
    startExecutor(
      { ...config, actions: [fileURLToPath(new URL('./wait-action.ts', import.meta.url))] },
      context,
    ),
});
