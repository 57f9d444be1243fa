/*
 * The inside of a worker thread: loads one action, then runs one attempt after the other as it is told.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { executeAttempt } from '@errand/actions/execution';
import { actionsOf } from './exported-actions.ts';
import { importCode, type ModuleCode } from './module-code.ts';
import { createCaller } from './worker-calls.ts';
import type { FromWorker, ToWorker } from './worker-pool.ts';

const { code, actionName } = workerData as { code: ModuleCode; actionName: string };
const port = parentPort;
if (!port) throw new Error('attempt-worker.ts runs in a worker thread only');
const say = (message: FromWorker, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);
const { onMessage, ...calls } = createCaller(say);

// Orders that come before the module has loaded wait here.
const action = importCode(code).then((exported) => {
  const found = actionsOf(exported).find(({ contract }) => contract.name === actionName);
  if (!found) throw new Error(`${code.url} exports no action ${actionName}`);
  return found;
});

let current = new AbortController();

port.on('message', async (message: ToWorker) => {
  if (message.kind === 'abort') return current.abort();
  if (message.kind !== 'run') return onMessage(message);
  current = new AbortController();
  const outcome = await executeAttempt(await action, message.order, {
    signal: current.signal,
    progress: (percent, text) =>
      say({ kind: 'progress', percent, ...(text === undefined ? {} : { message: text }) }),
    log: (text, fields) => say({ kind: 'log', message: text, ...(fields ? { fields } : {}) }),
    ...calls,
  });
  say({ kind: 'outcome', outcome });
});
