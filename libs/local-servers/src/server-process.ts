import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import { freePort, isPortFree } from './free-port.ts';
import { ownEnv } from './own-env.ts';
import { poll } from './poll.ts';

const KILL_AFTER_MS = 10_000;
const PORT_WAIT_MS = 3_000;

/** How a server process ended: one of the two is null. */
export interface ServerExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A server that answers on 127.0.0.1:`port`. */
export interface RunningServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Settles when the process has ended, for whatever reason; never rejects. */
  readonly exited: Promise<ServerExit>;
  /** Asks the server to end, kills it after 10 s, and resolves when it is gone. Harmless when repeated. */
  stop(): Promise<void>;
  /** Sends a signal and does not wait; await `exited` for the end. */
  kill(signal: NodeJS.Signals): void;
}

export interface ServerProcess extends Omit<RunningServer, 'url' | 'port'> {
  /** What the server wrote to its log since this start. */
  logged(): Promise<string>;
  /**
   * Resolves to the first value of `check` that is not undefined; rejects with the end of the log when the
   * process ends or `timeoutMs` pass before that. A process that is not ready in time is killed.
   */
  ready<T>(check: () => Promise<T | undefined>, timeoutMs: number): Promise<T>;
}

export interface ServerCommand {
  name: string;
  command: string;
  args: string[];
  logFile: string;
  /** What `stop` sends, and what the server gets when this process dies. */
  stopSignal: 'SIGTERM' | 'SIGINT';
  /** The user to run as; only root can choose one. */
  user?: { uid: number; gid: number } | undefined;
}

/** Another process listens on the port. */
class PortTaken extends Error {
  override name = 'PortTaken';
}

const PORT_TRIES = 5;

/** Calls with the given port, or with a free one: another one where a second process has chosen the same meanwhile. */
export async function onPort<T>(given: number | undefined, start: (port: number) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await start(given ?? (await freePort()));
    } catch (error) {
      if (given !== undefined || !(error instanceof PortTaken) || tries === PORT_TRIES) throw error;
    }
  }
}

/** Rejects when 127.0.0.1:`port` stays taken for 3 s, which is time for a predecessor to finish its stop. */
export async function untilPortFree(port: number): Promise<void> {
  const free = await poll(async () => (await isPortFree(port)) || undefined, PORT_WAIT_MS);
  if (!free) throw new PortTaken(`port ${port} on 127.0.0.1 is taken by another process`);
}

/**
 * Resolves when the process has been started; it need not answer yet (see `ready`).
 *
 * Output is appended to `logFile`. The process leads its own session, so that Ctrl-C in a terminal reaches only its
 * owner, who stops it in order. It gets its stop signal when the owner dies, even by kill -9.
 */
export async function startProcess(command: ServerCommand): Promise<ServerProcess> {
  await mkdir(dirname(command.logFile), { recursive: true });
  const log = await open(command.logFile, 'a');
  try {
    const logOffset = (await log.stat()).size;
    const child = spawn(command.command, command.args, {
      ...command.user,
      env: ownEnv(process.env),
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    const exited = new Promise<ServerExit>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    await once(child, 'spawn');
    endWithThisProcess(child, command.stopSignal);
    return serverProcess({ child, exited, command, logOffset });
  } finally {
    await log.close();
  }
}

interface Started {
  child: ChildProcess;
  exited: Promise<ServerExit>;
  command: ServerCommand;
  logOffset: number;
}

function serverProcess({ child, exited, command, logOffset }: Started): ServerProcess {
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  const logged = async () => (await readFile(command.logFile)).subarray(logOffset).toString('utf8');
  const failure = async (what: string) =>
    new Error(`${command.name} ${what}; the end of ${command.logFile}:\n${lastLines(await logged())}`);
  return {
    pid: child.pid as number,
    exited,
    logged,
    kill: (signal) => void child.kill(signal),
    async stop() {
      child.kill(command.stopSignal);
      const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
      await exited;
      clearTimeout(timer);
    },
    async ready(check, timeoutMs) {
      const value = await poll(async () => {
        if (!isRunning()) throw await failure(`ended with ${child.signalCode ?? `code ${child.exitCode}`}`);
        return check();
      }, timeoutMs);
      if (value !== undefined) return value;
      child.kill('SIGKILL');
      await exited;
      throw await failure(`was not ready within ${timeoutMs / 1000} s`);
    },
  };
}

/**
 * A shell that waits for the end of its input, which the kernel closes with this process, and then signals the
 * server. An 'exit' handler would miss kill -9 and the default action of SIGTERM. Windows has no such guard.
 */
function endWithThisProcess(child: ChildProcess, signal: string): void {
  if (process.platform === 'win32') return;
  const script = 'read -r line; kill -s "$0" "$1"';
  const guard = spawn('sh', ['-c', script, signal.slice('SIG'.length), String(child.pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without a shell the server still runs; only this guard is missing.
  guard.on('error', () => {});
  guard.unref();
  (guard.stdin as Socket).unref();
  child.once('exit', () => guard.kill('SIGKILL'));
}

function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-12).join('\n');
}
