import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readdir } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { tool } from './tools.ts';

/** A team with an empty folder and a home of its own, in which nothing is cached. */
export interface Team {
  readonly manager: 'npm' | 'pnpm';
  readonly folder: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
}

export async function newTeam(options: {
  manager: Team['manager'];
  nodeFolder: string;
  registry: string;
  root: string;
}): Promise<Team> {
  const { manager, nodeFolder, registry, root } = options;
  const [home, folder] = [join(root, 'home'), join(root, 'work')];
  for (const path of [root, home, folder]) {
    await mkdir(path, { recursive: true });
    await chmod(path, 0o755);
  }
  const { stdout } = await promisify(execFile)('which', ['npm']);
  const programs = [nodeFolder, dirname(tool('pnpm')), dirname(stdout.trim()), '/usr/bin', '/bin'];
  const env = {
    PATH: programs.join(delimiter),
    HOME: home,
    npm_config_registry: registry,
    npm_config_update_notifier: 'false',
    npm_config_fund: 'false',
    npm_config_audit: 'false',
    pnpm_config_registry: registry,
    // These packages were published a minute ago.
    pnpm_config_minimum_release_age: '0',
    CI: 'true',
  };
  return { manager, folder, home, env };
}

/** Runs a program of the team to its end and resolves to what it printed. @throws if it fails, with all of that */
export async function run(
  { env }: Team,
  cwd: string,
  command: string,
  ...args: readonly string[]
): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(command, args, { cwd, env, maxBuffer: 64_000_000 });
    return stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${[command, ...args].join(' ')} failed:\n${stdout}${stderr}`);
  }
}

export interface Started extends AsyncDisposable {
  output(): string;
  /** Resolves once it has printed this. Rejects if it ends before. */
  says(text: string): Promise<void>;
}

/** Starts a program of the team that goes on until it is stopped. */
export function start(
  { env }: Team,
  { cwd, command, args, more = {} }: { cwd: string; command: string; args: readonly string[]; more?: object },
): Started {
  const child = spawn(command, args, {
    cwd,
    env: { ...env, ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A package manager passes a signal on to some of those that it started; a terminal reaches all of them.
    detached: true,
  });
  const ended = once(child, 'close');
  let text = '';
  const heard = new EventTarget();
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      heard.dispatchEvent(new Event('output'));
    });
  return {
    output: () => text,
    says(wanted) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const look = () => text.includes(wanted) && resolve();
      heard.addEventListener('output', look);
      look();
      void ended.then(() => reject(new Error(`${command} ended before '${wanted}':\n${text}`)));
      return promise.finally(() => heard.removeEventListener('output', look));
    },
    async [Symbol.asyncDispose]() {
      try {
        process.kill(-(child.pid as number), 'SIGINT');
      } catch {
        // It has ended.
      }
      await ended;
    },
  };
}

/** Everything below a folder, except what is below these. */
export async function filesBelow(folder: string, except: readonly string[] = []): Promise<string[]> {
  const all = await readdir(folder, { recursive: true, withFileTypes: true });
  return all
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name).slice(folder.length + 1))
    .filter((path) => !except.some((each) => path.startsWith(`${each}/`)));
}
