/* An executor under measurement: the real one, with its own actions and one that makes files. */
import { fileURLToPath } from 'node:url';
import { settings, startExecutor } from '@errand/executor';
import { runService } from '@errand/runtime';

const actions = [
  fileURLToPath(new URL('../../shipped-actions/src', import.meta.url)),
  fileURLToPath(new URL('./file-action.ts', import.meta.url)),
];

await runService({
  name: 'executor',
  settings,
  start: (config, context) => startExecutor({ ...config, actions }, context),
});
