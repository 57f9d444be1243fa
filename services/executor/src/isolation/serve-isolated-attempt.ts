import type { Action } from '@errand/actions';
import type { ModuleCode } from '../loading/module-code.ts';
import type { FromWorker, ToWorker } from './attempt-port.ts';
import { serveAttempts } from './serve-attempt.ts';
import { watchParent } from './watchdog.ts';

/** Before the orders that threads know: which action it is. */
export type ToProcess = ToWorker | { kind: 'load'; actionName: string; code?: ModuleCode };

/** After this the orders are taken. */
export type FromProcess = FromWorker | { kind: 'ready' };

/** Set for a process that is to serve one attempt. */
export const ATTEMPT_MARK = 'ERRAND_ISOLATED_ATTEMPT';

/** Serves one attempt of whatever action the parent names. The process ends with its channel to the parent. */
export function serveIsolatedAttempt(find: (actionName: string, code?: ModuleCode) => Promise<Action>): void {
  // What the action starts is no attempt.
  delete process.env[ATTEMPT_MARK];
  const exit = process.exit.bind(process);
  process.once('disconnect', () => exit(0));
  // A terminal's Ctrl-C reaches it, too, but its parent says what becomes of the attempt.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
  watchParent();
  const say = (message: FromProcess) => void process.send?.(message);
  process.once('message', (message: ToProcess) => {
    if (message.kind !== 'load') throw new Error('the action must be named first');
    const action = find(message.actionName, message.code);
    const take = serveAttempts(action, say);
    process.on('message', (order: ToWorker) => take(order));
    action.then(
      () => say({ kind: 'ready' }),
      (error) => {
        console.error(error);
        exit(1);
      },
    );
  });
}
