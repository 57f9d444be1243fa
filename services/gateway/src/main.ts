import { runService } from '@errand/runtime';
import { settings } from './config.ts';
import { startGateway } from './start.ts';

await runService({ name: 'gateway', settings, start: startGateway });
