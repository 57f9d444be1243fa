export { settings } from './config.ts';
export { startScheduler } from './start.ts';
