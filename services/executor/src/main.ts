import { runService } from '@errand/runtime';
import { settings } from './config.ts';
import { startExecutor } from './start.ts';

await runService({ name: 'executor', settings, start: startExecutor });
