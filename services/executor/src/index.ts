export { type CheckedActions, checkActions } from './check-actions.ts';
export { type ExecutorConfig, settings } from './config.ts';
export { runExecutor } from './run-executor.ts';
export { startExecutor } from './start.ts';
