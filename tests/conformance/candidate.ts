import { spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';

/** One running copy of the executor under test: a command, and all processes that it started. */
interface Copy {
  readonly exited: Promise<void>;
  signal(name: NodeJS.Signals): void;
}

/** The executor under test, in any number of copies. */
export interface Candidate extends AsyncDisposable {
  start(): Promise<Copy>;
  /** Kills every copy by SIGKILL. Resolves when all are gone. */
  none(): Promise<void>;
  /** The end of what the copies wrote to their output. */
  said(): Promise<string>;
}

const SAID_CHARACTERS = 4_000;

/** `command` is for a shell; its copies write to `logFile`. */
export function createCandidate(options: {
  command: string;
  env: Record<string, string>;
  logFile: string;
}): Candidate {
  const copies = new Set<Copy>();

  async function none(): Promise<void> {
    const gone = [...copies].map((copy) => {
      copy.signal('SIGKILL');
      return copy.exited;
    });
    await Promise.all(gone);
  }

  return {
    async start() {
      const log = await open(options.logFile, 'a');
      try {
        const copy = startCopy(options, log.fd);
        copies.add(copy);
        void copy.exited.then(() => copies.delete(copy));
        return copy;
      } finally {
        await log.close();
      }
    },
    none,
    said: async () => (await readFile(options.logFile, 'utf8').catch(() => '')).slice(-SAID_CHARACTERS),
    [Symbol.asyncDispose]: none,
  };
}

function startCopy({ command, env }: { command: string; env: Record<string, string> }, fd: number): Copy {
  // Its own process group, since a signal to the shell would not reach what the shell runs.
  const child = spawn(command, {
    shell: true,
    detached: true,
    env: { ...process.env, ...env },
    stdio: ['ignore', fd, fd],
  });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const signal = (name: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch {
      // It is gone.
    }
  };
  const killWithThisProcess = () => signal('SIGKILL');
  process.once('exit', killWithThisProcess);
  void exited.then(() => process.off('exit', killWithThisProcess));
  return { exited, signal };
}
