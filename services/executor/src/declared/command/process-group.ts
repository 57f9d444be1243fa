import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';

/*
 *   the leader ends …                what is left of its group
 *   by itself                        is killed at once
 *   because it was asked to end      has the rest of the grace, and is killed then
 *
 * What has left the group, as after setsid, is neither ended nor waited for, even where it holds the output.
 */

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProcessGroup {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Resolves once the leader and its group have ended, and everything that the leader wrote has been read. */
  readonly closed: Promise<Ended>;
  /** Asks the whole group to end, and kills what is left of it after the grace. */
  end(graceMs: number): void;
}

/** How often it is looked whether a group is still there: nobody tells of the end of processes that others started. */
const LOOK_AGAIN_MS = 20;
/** How long output may stay open once nobody of the group is left to write to it. */
const OUTPUT_MS = 500;

/** Leaders' ids. */
const running = new Set<number>();

/** What is still there when this process exits has nobody left who would kill it. */
process.on('exit', () => {
  for (const pid of running) signalGroup(pid, 'SIGKILL');
});

/**
 * Starts a process that leads a group of its own, so that it can be ended together with all that it starts.
 * @throws what the system says, when it does not start
 */
export async function startProcessGroup(
  argv: readonly string[],
  options: { cwd: string; env: Record<string, string> },
): Promise<ProcessGroup> {
  const [command = '', ...words] = argv;
  const child = spawn(command, words, { ...options, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  // Until then a child may be without id and streams.
  await once(child, 'spawn');
  const pid = child.pid as number;
  running.add(pid);
  // A process need not read what it is sent, and its end shows in its exit.
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => {});
  const exited = new Promise<Ended>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const closing = new Promise((resolve) => child.once('close', resolve));
  let isOver = false;
  let killing: NodeJS.Timeout | undefined;
  let killAt = 0;

  async function conclude(): Promise<Ended> {
    const ended = await exited;
    isOver = true;
    while (performance.now() < killAt && signalGroup(pid, 0)) await delay(LOOK_AGAIN_MS);
    clearTimeout(killing);
    signalGroup(pid, 'SIGKILL');
    running.delete(pid);
    await Promise.race([closing, delay(OUTPUT_MS)]);
    // What was written before is read within a turn, however late this one began.
    await turn();
    child.stdout.destroy();
    child.stderr.destroy();
    return ended;
  }

  return {
    child,
    closed: conclude(),
    end(graceMs) {
      if (killing || isOver) return;
      signalGroup(pid, 'SIGTERM');
      killAt = performance.now() + graceMs;
      killing = setTimeout(() => signalGroup(pid, 'SIGKILL'), graceMs);
    },
  };
}

/** Whether there was somebody to signal; 0 only asks. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    // Nobody is left, or nobody who may be signalled.
    return false;
  }
}
