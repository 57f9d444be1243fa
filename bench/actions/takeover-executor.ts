/* An executor under measurement: the real one, with an action that is taken over from it. */
import { fileURLToPath } from 'node:url';
import { settings, startExecutor } from '@errand/executor';
import { runService } from '@errand/runtime';

await runService({
  name: 'executor',
  settings,
  start: (config, context) =>
    startExecutor(
      { ...config, actions: [fileURLToPath(new URL('./takeover-action.ts', import.meta.url))] },
      context,
    ),
});
