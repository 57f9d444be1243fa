import { type AttemptHooks, type AttemptOrder, type AttemptOutcome, failed } from '@errand/actions/execution';
import { createCallee, type FromCaller, type ToCaller } from './worker-calls.ts';

/** What a worker thread or a process is told: run this, stop it, or what it asked for. */
export type ToWorker = { kind: 'run'; order: AttemptOrder } | { kind: 'abort' } | ToCaller;

/** What a worker thread or a process says. */
export type FromWorker =
  | { kind: 'progress'; percent: number; message?: string }
  | { kind: 'log'; message: string; fields?: Record<string, unknown> }
  | { kind: 'output'; json: string }
  /** `isSpent` says that something of the attempt may still be at work, so that nothing else should be run there. */
  | { kind: 'outcome'; outcome: AttemptOutcome; isSpent?: boolean }
  /** An error that nobody caught, which belongs to no attempt at work. */
  | { kind: 'stray'; cause: string; jobId?: string }
  /** It has heard of the abort, so its thread is not blocked. */
  | { kind: 'aborting' }
  | FromCaller;

/** A worker thread or a process that runs an attempt. */
export interface AttemptPort {
  post(message: ToWorker, transfer?: ArrayBuffer[]): void;
  /** Returns the way to take it back. */
  listen(listeners: {
    onMessage(message: FromWorker): void;
    /** It has ended, or will, without the outcome. */
    onGone(cause: string): void;
  }): () => void;
  /** Told that it must run nothing more. */
  markBroken(): void;
}

/** `isBlocked` is one that does not even hear that it is to stop, as in an endless loop. */
export type PortOutcome = AttemptOutcome | { kind: 'interrupted'; isBlocked: boolean };

/** How long an aborted action may take to return before its thread or process is ended under it. */
const ABORT_GRACE_MS = 1_000;

/** Runs an attempt elsewhere. Never throws; `interrupted` is one that has not returned within the grace. */
export function runOverPort(
  port: AttemptPort,
  { order, hooks }: { order: AttemptOrder; hooks: AttemptHooks },
): Promise<PortOutcome> {
  const { promise, resolve } = Promise.withResolvers<PortOutcome>();
  const callee = createCallee(hooks, (message, transfer = []) => port.post(message, transfer));
  let ending: NodeJS.Timeout | undefined;
  let isBlocked = true;
  const onGone = (cause: string) => resolve(failed('action_failed', undefined, cause));
  const take = (message: FromWorker) => {
    if (message.kind === 'progress') hooks.progress(message.percent, message.message);
    else if (message.kind === 'log') hooks.log(message.message, message.fields);
    else if (message.kind === 'output') hooks.output(message.json);
    else if (message.kind === 'outcome') {
      if (message.isSpent) port.markBroken();
      resolve(message.outcome);
    } else if (message.kind === 'aborting') isBlocked = false;
    else if (message.kind !== 'stray') callee.onMessage(message);
  };
  // What an action says is anything: it must not throw here, where the whole process would end.
  const onMessage = (message: FromWorker) => {
    try {
      take(message);
    } catch (error) {
      port.markBroken();
      onGone(error instanceof Error ? String(error.stack) : String(error));
    }
  };
  const onAbort = () => {
    port.post({ kind: 'abort' });
    ending = setTimeout(() => resolve({ kind: 'interrupted', isBlocked }), ABORT_GRACE_MS);
  };
  const ignore = port.listen({ onMessage, onGone });
  hooks.signal.addEventListener('abort', onAbort, { once: true });
  port.post({ kind: 'run', order });
  if (hooks.signal.aborted) onAbort();
  return promise.finally(() => {
    clearTimeout(ending);
    callee[Symbol.dispose]();
    ignore();
    hooks.signal.removeEventListener('abort', onAbort);
  });
}
