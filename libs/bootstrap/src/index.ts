export { openLog } from './open-log.ts';
export { openWorker, type Worker } from './open-worker.ts';
export { provisionLog, provisionSettings } from './provision.ts';
