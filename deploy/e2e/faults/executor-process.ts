/* An executor of the fault actions, in a process of its own. */
import { join } from 'node:path';
import { settings, startExecutor } from '@errand/executor';
import { runService } from '@errand/runtime';

await runService({
  name: 'executor',
  settings,
  start: (config, context) =>
    startExecutor({ ...config, actions: [join(import.meta.dirname, 'fault-actions.ts')] }, context),
});
