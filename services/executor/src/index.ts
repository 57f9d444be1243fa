export { SHIPPED_ACTIONS } from './action-files.ts';
export { type ExecutorConfig, settings } from './config.ts';
export { runExecutor } from './run-executor.ts';
export { startExecutor } from './start.ts';
