/*
 * The inside of a worker thread: loads one action, then runs one attempt after the other as it is told.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { actionNamed } from '../loading/exported-actions.ts';
import { importCode, type ModuleCode } from '../loading/module-code.ts';
import { serveAttempts } from './serve-attempt.ts';

const { code, actionName } = workerData as { code: ModuleCode; actionName: string };
const port = parentPort;
if (!port) throw new Error('attempt-worker.ts runs in a worker thread only');
const action = importCode(code).then((exported) => actionNamed(actionName, exported, code.url));
port.on(
  'message',
  serveAttempts(action, (message, transfer = []) => port.postMessage(message, transfer)),
);
