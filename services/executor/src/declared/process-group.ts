import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

export interface ProcessGroup {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Resolves once the leader has ended and everything that it wrote has been read. Rejects when it did not start. */
  readonly closed: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** Asks the whole group to end, and kills what is left of it after the grace. */
  end(graceMs: number): void;
}

const running = new Set<ChildProcess>();

/** What is still there when this process exits has nobody left who would kill it. */
process.on('exit', () => {
  for (const child of running) signalGroup(child, 'SIGKILL');
});

/** Starts a process that leads a group of its own, so that it can be ended together with all that it starts. */
export function startProcessGroup(
  argv: readonly string[],
  options: { cwd: string; env: Record<string, string> },
): ProcessGroup {
  const [command = '', ...words] = argv;
  const child = spawn(command, words, { ...options, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  const { promise: closed, resolve, reject } = Promise.withResolvers<Awaited<ProcessGroup['closed']>>();
  let killing: NodeJS.Timeout | undefined;
  child.once('spawn', () => running.add(child));
  child.once('error', reject);
  child.once('exit', () => {
    clearTimeout(killing);
    // What it left running would keep its output open, and has no one to answer to.
    signalGroup(child, 'SIGKILL');
    running.delete(child);
  });
  child.once('close', (code, signal) => resolve({ code, signal }));
  // A process need not read what it is sent.
  child.stdin.on('error', () => {});
  return {
    child,
    closed,
    end(graceMs) {
      if (killing || child.exitCode !== null || child.signalCode !== null) return;
      signalGroup(child, 'SIGTERM');
      killing = setTimeout(() => signalGroup(child, 'SIGKILL'), graceMs);
    },
  };
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
