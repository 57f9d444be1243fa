/* An executor of the fault actions, in a process of its own. */
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
