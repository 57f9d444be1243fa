export { type ExecutorConfig, settings } from './config.ts';
export { shippedActions } from './loading/action-files.ts';
export { runExecutor } from './run-executor.ts';
export { startExecutor } from './start.ts';
