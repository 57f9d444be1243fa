import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import type { Child, ChildExit } from './supervise.ts';

/** A little more than the services' own grace for work under way. */
const KILL_AFTER_MS = 30_000;

/** A service's exit code for a wrong configuration, which a restart does not fix. */
const WRONG_CONFIGURATION = 2;

export interface ServiceProcess extends Child {
  /** What it wrote to its log since this start. */
  logged(): Promise<string>;
}

/**
 * Starts a service's main file in its own process; its output is appended to `logFile`.
 *
 * It leads its own session, so that Ctrl-C in a terminal reaches only the supervisor, who stops everything in order.
 */
export async function startService(options: {
  mainFile: string;
  /** The whole environment: nothing is inherited. */
  env: NodeJS.ProcessEnv;
  logFile: string;
}): Promise<ServiceProcess> {
  const log = await open(options.logFile, 'a', 0o600);
  try {
    const logOffset = (await log.stat()).size;
    const child = spawn(process.execPath, [options.mainFile], {
      env: options.env,
      stdio: ['ignore', log.fd, log.fd],
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    const exited = new Promise<ChildExit>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    await once(child, 'spawn');
    return {
      pid: child.pid as number,
      exited,
      kill: (signal) => void child.kill(signal),
      async stop() {
        child.kill('SIGTERM');
        const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
        await exited;
        clearTimeout(timer);
      },
      logged: async () => (await readFile(options.logFile)).subarray(logOffset).toString('utf8'),
    };
  } finally {
    await log.close();
  }
}

export function isWrongConfiguration(exit: ChildExit): boolean {
  return exit.code === WRONG_CONFIGURATION;
}
