/* An executor under measurement: the real one, with an action that holds its slot for a time, and one that does nothing. */
import { fileURLToPath } from 'node:url';
import { settings, startExecutor } from '@errand/executor';
import { runService } from '@errand/runtime';

await runService({
  name: 'executor',
  settings,
  start: (config, context) =>
    startExecutor(
      {
        ...config,
        actions: ['wait', 'noop'].map((name) =>
          fileURLToPath(new URL(`./${name}-action.ts`, import.meta.url)),
        ),
      },
      context,
    ),
});
