import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export const COMMAND = fileURLToPath(new URL('../../libs/cli/src/main.ts', import.meta.url));

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command with nothing but these variables, its output piped. */
export function runErrand(
  env: Readonly<Record<string, string>>,
  args: readonly string[],
  { cwd, stdin = '' }: { cwd?: string; stdin?: string } = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { env: { PATH: process.env.PATH, ...env }, cwd, maxBuffer: 64_000_000 };
    const child = execFile(process.execPath, [COMMAND, ...args], options, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
    child.stdin?.end(stdin);
  });
}

/** The command as it runs in somebody's terminal. */
export interface TerminalRun {
  /** All that the terminal was sent so far. */
  readonly screen: () => string;
  readonly press: (keys: string) => void;
  /** Resolves to the exit code. */
  readonly ended: Promise<number>;
}

/** Python's standard library has a terminal; Node's has none. */
const IN_TERMINAL = 'import os,pty,sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';

export async function hasTerminal(): Promise<boolean> {
  const child = spawn('python3', ['-c', 'import os, pty; os.waitstatus_to_exitcode'], { stdio: 'ignore' });
  const [code] = await Promise.race([once(child, 'exit'), once(child, 'error').then(() => [1])]).catch(() => [
    1,
  ]);
  return code === 0;
}

export function runInTerminal(env: Readonly<Record<string, string>>, args: readonly string[]): TerminalRun {
  const child = spawn('python3', ['-c', IN_TERMINAL, process.execPath, COMMAND, ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let screen = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    screen += chunk;
  });
  const ended = once(child, 'close').then(([code]) => Number(code));
  return { screen: () => screen, press: (keys) => child.stdin.write(keys), ended };
}
