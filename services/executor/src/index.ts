export { ACTION_MODULES } from './action-modules.ts';
export { type ExecutorConfig, settings } from './config.ts';
export { startExecutor } from './start.ts';
