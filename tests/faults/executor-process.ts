/* An executor of the fault actions, in its own process. */
import { fileURLToPath } from 'node:url';
import { settings, startExecutor } from '@errand/executor';
import { runService } from '@errand/runtime';

await runService({
  name: 'executor',
  settings,
  start: (config, context) =>
    startExecutor(
      { ...config, actions: [fileURLToPath(new URL('./fault-actions.ts', import.meta.url))] },
      context,
    ),
});
