import { runService } from '@errand/runtime';
import { settings } from './config.ts';
import { startScheduler } from './start.ts';

await runService({ name: 'scheduler', settings, start: startScheduler });
