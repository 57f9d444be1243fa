import { runService } from '@errand/runtime';
import { settings } from './config.ts';
import { startProjection } from './start.ts';

await runService({ name: 'projection', settings, start: startProjection });
