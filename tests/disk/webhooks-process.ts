/* A webhooks service whose days are short. */
import { runService } from '@errand/runtime';
import { settings, startWebhooks } from '@errand/webhooks';
import { compressedTime } from './compressed-time.ts';

const { dayMs } = compressedTime();

await runService({
  name: 'webhooks',
  settings,
  start: (config, context) => startWebhooks(config, { ...context, dayMs }),
});
