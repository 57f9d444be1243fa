import { runService } from '@errand/runtime';
import { settings } from './config.ts';
import { startWebhooks } from './start.ts';

await runService({ name: 'webhooks', settings, start: startWebhooks });
