import type { Action } from '@errand/actions';
import { causeOf, executeAttempt, failed } from '@errand/actions/execution';
import { openCharge } from './attempt-charge.ts';
import type { FromWorker, ToWorker } from './attempt-port.ts';
import { guardProcess } from './guard-process.ts';
import { createCaller } from './worker-calls.ts';

export type Say = (message: FromWorker, transfer?: ArrayBuffer[]) => void;

/**
 * The inside of a worker thread or of a process for attempts: runs one attempt after the other as it is told. Returns
 * what takes the orders; those that come before the action has loaded wait for it.
 */
export function serveAttempts(action: Promise<Action>, say: Say): (message: ToWorker) => void {
  guardProcess((stray) => say({ kind: 'stray', ...stray }));
  // Told by each order.
  action.catch(() => {});
  const { onMessage, ...calls } = createCaller(say);
  let current = new AbortController();

  async function run(
    order: Extract<ToWorker, { kind: 'run' }>['order'],
    stop: AbortController,
  ): Promise<void> {
    using charge = openCharge(order.jobId, {
      signal: stop.signal,
      progress: (percent, text) =>
        say({ kind: 'progress', percent, ...(text === undefined ? {} : { message: text }) }),
      log: (text, fields) => sayLog(say, text, fields),
      output: (json) => say({ kind: 'output', json }),
      ...calls,
    });
    try {
      const loaded = await action;
      const work = charge.run(() => executeAttempt(loaded, order, charge.hooks));
      const spent = charge.failed.then((outcome) => ({ outcome, isSpent: true }));
      void spent.then(() => stop.abort());
      const ended = await Promise.race([work.then((outcome) => ({ outcome })), spent]);
      say({ kind: 'outcome', ...ended });
    } catch (error) {
      say({ kind: 'outcome', outcome: failed('action_failed', undefined, causeOf(error)) });
    }
  }

  return (message) => {
    if (message.kind === 'abort') {
      say({ kind: 'aborting' });
      return current.abort();
    }
    if (message.kind !== 'run') return onMessage(message);
    current = new AbortController();
    void run(message.order, current);
  };
}

/** Functions and such cannot cross; the executor's own log would leave them out. */
function sayLog(say: Say, message: string, fields: Record<string, unknown> | undefined): void {
  try {
    say({ kind: 'log', message, ...(fields ? { fields } : {}) });
  } catch {
    say({ kind: 'log', message, fields: JSON.parse(JSON.stringify(fields)) as Record<string, unknown> });
  }
}
