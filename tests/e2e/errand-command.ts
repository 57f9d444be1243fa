import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTestDatabase, startTestNats } from '@errand/testkit';
import { type Caller, createCaller } from './caller.ts';
import { type System, startSystem } from './system.ts';

export const COMMAND = fileURLToPath(new URL('../../libs/cli/src/main.ts', import.meta.url));

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command with only these variables, its output piped. */
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
  /** Everything that the terminal was sent so far. */
  readonly screen: () => string;
  readonly press: (keys: string) => void;
  /** Resolves to the exit code. */
  readonly ended: Promise<number>;
}

/** Python's standard library has a pseudo-terminal; Node's has none. */
const IN_TERMINAL = 'import os,pty,sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';

export async function hasTerminal(): Promise<boolean> {
  const child = spawn('python3', ['-c', 'import os, pty; os.waitstatus_to_exitcode'], { stdio: 'ignore' });
  const [code] = await Promise.race([once(child, 'exit'), once(child, 'error').then(() => [1])]).catch(() => [
    1,
  ]);
  return code === 0;
}

export function runInTerminal(
  env: Readonly<Record<string, string>>,
  args: readonly string[],
  cwd: string,
): TerminalRun {
  const child = spawn('python3', ['-c', IN_TERMINAL, process.execPath, COMMAND, ...args], {
    env: { PATH: process.env.PATH, ...env },
    cwd,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let screen = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    screen += chunk;
  });
  const ended = once(child, 'close').then(([code]) => Number(code));
  return { screen: () => screen, press: (keys) => child.stdin.write(keys), ended };
}

/** A whole system, a tenant of it, and the command with the settings of both. */
export interface CommandedSystem extends AsyncDisposable {
  readonly system: System;
  readonly caller: Caller;
  /** Address, tenant, its key and the admin key; `dir` is the home of the settings. */
  readonly env: Readonly<Record<string, string>>;
  /** The folder in which commands are run. */
  readonly dir: string;
  readonly errand: (...args: string[]) => Promise<Ran>;
  /** The command's answer with --json. Rejects for any exit code but 0. */
  readonly json: <T = Record<string, unknown>>(...args: string[]) => Promise<T>;
}

/** `prepare` may write to the log before any service reads it; `settings` are added to those of the services. */
export async function startCommandedSystem(
  tenant: string,
  {
    prepare,
    settings,
  }: { prepare?: (natsUrl: string) => Promise<void>; settings?: Record<string, string> } = {},
): Promise<CommandedSystem> {
  await using starting = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'errand-command-'));
  starting.defer(() => rm(dir, { recursive: true }));
  const nats = starting.use(await startTestNats());
  await prepare?.(nats.url);
  const database = starting.use(await createTestDatabase());
  const system = starting.use(await startSystem({ natsUrl: nats.url, databaseUrl: database.url }, settings));
  const caller = starting.use(await createCaller(system, tenant));
  const asAdmin = {
    ERRAND_URL: system.url,
    ERRAND_TENANT: tenant,
    ERRAND_ADMIN_KEY: system.adminKey,
    HOME: dir,
  };
  const made = await runErrand(asAdmin, ['keys', 'create', 'command', '--json']);
  const { api_key: apiKey } = JSON.parse(made.stdout) as { api_key: string };
  const env = { ...asAdmin, ERRAND_API_KEY: apiKey };
  const errand = (...args: string[]) => runErrand(env, args, { cwd: dir });
  const resources = starting.move();
  return {
    system,
    caller,
    env,
    dir,
    errand,
    async json<T>(...args: string[]) {
      const { code, stdout, stderr } = await errand(...args, '--json');
      if (code !== 0) throw new Error(`${args.join(' ')}: ${code} ${stderr}`);
      return JSON.parse(stdout) as T;
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
