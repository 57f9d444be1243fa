import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { AttemptHooks, AttemptOrder } from '@errand/actions/execution';
import type { ModuleCode } from '../loading/module-code.ts';
import { type AttemptPort, type PortOutcome, runOverPort } from './attempt-port.ts';
import { entryFile } from './entry-file.ts';
import type { OnStray } from './guard-process.ts';
import { ATTEMPT_MARK, type FromProcess, type ToProcess } from './serve-isolated-attempt.ts';

/** How another process gets at an action: by the code of its file, or by starting this process's main file again. */
export type IsolatedCode = ModuleCode | 'main';

export interface AttemptProcesses extends AsyncDisposable {
  /**
   * Starts a process for one attempt, one after the other: many at once would keep each other from starting. Undefined
   * where it could not load the action, or is not needed any more.
   */
  start(signal: AbortSignal): Promise<AttemptProcess | undefined>;
}

export interface AttemptProcess {
  /** Runs the attempt, and ends the process with it. */
  run(order: AttemptOrder, hooks: AttemptHooks): Promise<PortOutcome>;
  /** Whether the attempt took its process down, or kept it from answering. */
  readonly hasDied: () => boolean;
}

const ENTRY = fileURLToPath(entryFile('attempt-process'));
const START_LIMIT_MS = 20_000;
/** How long a process whose attempt has ended may take to end by itself. */
const END_MS = 1_000;

export function createAttemptProcesses(
  code: IsolatedCode,
  actionName: string,
  onStray: OnStray,
): AttemptProcesses {
  const all = new Set<ChildProcess>();
  let starting: Promise<unknown> = Promise.resolve();

  async function start(signal: AbortSignal): Promise<AttemptProcess | undefined> {
    if (signal.aborted) return undefined;
    const child = startProcess(code);
    all.add(child);
    const gone = new AbortController();
    for (const event of ['exit', 'error'] as const) {
      child.once(event, () => {
        all.delete(child);
        gone.abort();
      });
    }
    child.on('message', (message: FromProcess) => {
      if (message.kind === 'stray') onStray(message);
    });
    try {
      tell(child, { kind: 'load', actionName, ...(code === 'main' ? {} : { code }) });
      const limits = [gone.signal, signal, AbortSignal.timeout(START_LIMIT_MS)];
      await once(child, 'message', { signal: AbortSignal.any(limits) });
      return attemptProcess(child);
    } catch {
      child.kill('SIGKILL');
      return undefined;
    }
  }

  return {
    start(signal) {
      const started = starting.then(() => start(signal));
      starting = started;
      return started;
    },
    async [Symbol.asyncDispose]() {
      for (const child of all) child.kill('SIGKILL');
    },
  };
}

function attemptProcess(child: ChildProcess): AttemptProcess {
  let hasDied = false;
  return {
    hasDied: () => hasDied,
    async run(order, hooks) {
      const port = portOf(child, () => {
        hasDied = true;
      });
      const outcome = await runOverPort(port, { order, hooks });
      if (outcome.kind !== 'interrupted') end(child);
      else {
        hasDied = outcome.isBlocked;
        child.kill('SIGKILL');
      }
      return outcome;
    },
  };
}

function startProcess(code: IsolatedCode): ChildProcess {
  const [file = '', words] = code === 'main' ? [process.argv[1], process.argv.slice(2)] : [ENTRY, []];
  return fork(file, words, {
    env: { ...process.env, [ATTEMPT_MARK]: '1' },
    // Code holds maps and bytes.
    serialization: 'advanced',
  });
}

/** The channel may be closed already, which the child's end tells. */
function tell(child: ChildProcess, message: ToProcess): void {
  if (child.connected) child.send(message, () => {});
}

function end(child: ChildProcess): void {
  const force = setTimeout(() => child.kill('SIGKILL'), END_MS).unref();
  child.once('exit', () => clearTimeout(force));
  if (child.connected) child.disconnect();
}

function portOf(child: ChildProcess, onGoneOnce: () => void): AttemptPort {
  return {
    post(message) {
      // Memory is copied on its way, so there is none to give back.
      tell(child, message.kind === 'want' ? { kind: 'want', call: message.call } : message);
    },
    listen({ onMessage, onGone }) {
      const onExit = (exitCode: number | null, signal: NodeJS.Signals | null) => {
        onGoneOnce();
        onGone(`the process of the attempt ended with ${signal ?? `code ${exitCode}`}`);
      };
      child.on('message', onMessage).once('exit', onExit);
      if (child.exitCode !== null || child.signalCode !== null) onExit(child.exitCode, child.signalCode);
      return () => child.off('message', onMessage).off('exit', onExit);
    },
    markBroken: () => {},
  };
}
