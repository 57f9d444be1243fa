import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { useScheduler } from './executor.ts';

/* Test-only: an executor in a process of its own, with a short lease, which is started again whenever it ends. */

export interface Supervised extends AsyncDisposable {
  /** How the process ended, each time. */
  readonly ends: readonly string[];
  kill(signal: NodeJS.Signals): void;
}

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

export function superviseExecutor(
  own: Record<string, string> & { NATS_URL: string },
  file = MAIN,
): Supervised {
  const scheduler = useScheduler(own.NATS_URL);
  const ends: string[] = [];
  let isStopping = false;
  let child = start();

  function start(): ChildProcess {
    const env = {
      ...process.env,
      ERRAND_OPS_PORT: '0',
      ERRAND_LEASE_MS: '2000',
      ERRAND_EXECUTOR_BLOCKED_MS: '1500',
      NODE_OPTIONS: '--max-old-space-size=128',
      ...own,
    };
    const started = spawn(process.execPath, [file], { env, stdio: 'ignore' });
    started.once('exit', (code, signal) => {
      if (isStopping) return;
      ends.push(signal ?? `code ${code}`);
      child = start();
    });
    return started;
  }

  return {
    ends,
    kill: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      isStopping = true;
      const isOver = child.exitCode !== null || child.signalCode !== null;
      const exited = isOver ? undefined : once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      await (await scheduler)[Symbol.asyncDispose]();
    },
  };
}
