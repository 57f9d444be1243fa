/* An executor under measurement: the real one, with an action that it is taken away from. */
import { join } from 'node:path';
import { settings, startExecutor } from '@errand/executor';
import { runService } from '@errand/runtime';

await runService({
  name: 'executor',
  settings,
  start: (config, context) =>
    startExecutor({ ...config, actions: [join(import.meta.dirname, 'takeover-action.ts')] }, context),
});
