import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { CannotRun } from '../cannot-run.ts';
import { type Bind, tell, type World } from '../command.ts';
import type { ExitCode } from '../output/exit-codes.ts';
import { table } from '../output/text.ts';

/*
 * Commands that run Errand itself. Its code is in packages of their own: who only calls an API does not install a
 * database.
 */

type ServerPackage = '@errand/server' | '@errand/executor';

const SERVICES = {
  gateway: 'answer the HTTP API',
  executor: 'run the actions of ERRAND_ACTIONS (default ./actions)',
  scheduler: 'start, retry and expire jobs in time',
  projection: 'keep the status table',
  webhooks: 'deliver webhooks',
} as const;

/** How long a module that was checked may keep this process, as by a timer of its own. */
const LEAVE_MS = 1_000;

/** The first Node that has all that the services call. */
const NODE = [24, 16] as const;

export function addServe(program: Command, bind: Bind): void {
  program
    .command('dev')
    .description('run the whole system on this machine, with the actions in ./actions')
    .action(bind(runDev));
  const serve = program.command('serve').description('run one service of Errand');
  for (const [name, about] of Object.entries(SERVICES)) {
    serve
      .command(name)
      .description(about)
      .action(bind((world) => runService(world, name as keyof typeof SERVICES)));
  }
  program
    .command('provision')
    .description('make the streams and buckets of NATS, or change them to the settings')
    .action(
      bind((world) =>
        runProcess(world, {
          command: 'provision',
          from: '@errand/server',
          specifier: '@errand/server/provision',
        }),
      ),
    );
  program
    .command('check')
    .description('check action files without a server')
    .argument('[place...]', 'folders and files; default: ./actions')
    .option('--env-file <file>', 'file with the secrets that action files name; default: .env')
    .action(bind(check));
}

async function runDev(world: World): Promise<never> {
  const { dev } = await load<{ dev: () => Promise<never> }>(world, {
    command: 'dev',
    from: '@errand/server',
  });
  loadEnvFile(world);
  world.handOver();
  return dev();
}

async function runService(world: World, name: keyof typeof SERVICES): Promise<never> {
  const [from, specifier] =
    name === 'executor'
      ? (['@errand/executor', '@errand/executor/main'] as const)
      : (['@errand/server', `@errand/server/${name}`] as const);
  return runProcess(world, { command: `serve ${name}`, from, specifier });
}

/** Imports a module that ends the process itself. */
async function runProcess(world: World, module: Parameters<typeof load>[1]): Promise<never> {
  world.handOver();
  await load(world, module);
  return new Promise(() => {});
}

interface Checked {
  readonly actions: readonly { name: string; path: string; file: string }[];
  readonly broken: readonly string[];
  readonly unread: readonly string[];
}

async function check(
  world: World,
  { envFile }: { envFile?: string },
  ...[given]: string[]
): Promise<ExitCode> {
  const places = given as unknown as readonly string[];
  loadEnvFile(world, envFile);
  const { checkActions } = await load<{ checkActions: (places: readonly string[]) => Promise<Checked> }>(
    world,
    {
      command: 'check',
      from: '@errand/executor',
    },
  );
  const checked = await checkActions(places.length === 0 ? ['./actions'] : places);
  const { actions, broken, unread } = checked;
  tell(world, checked, () => {
    const rows = actions.map(({ name, path, file }) => [name, path, file]);
    const found = rows.length === 0 ? 'no actions' : table(['ACTION', 'PATH', 'FILE'], rows);
    return [
      found,
      ...broken.map((each) => `broken: ${each}`),
      ...unread.map((each) => `not read: ${each}`),
    ].join('\n');
  });
  setTimeout(() => process.exit(), LEAVE_MS).unref();
  return broken.length === 0 ? 0 : 1;
}

/**
 * Imports a package, or a part of one, of the folder's project, else one beside this command.
 * @throws CannotRun if there is none, or this Node is too old for it
 */
export async function load<T>(
  { folder }: World,
  { command, from, specifier = from }: { command: string; from: ServerPackage; specifier?: string },
): Promise<T> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < NODE[0] || (major === NODE[0] && minor < NODE[1]))
    throw new CannotRun(
      `errand ${command} needs Node.js ${NODE.join('.')} or later; this is ${process.version}`,
    );
  const found = [join(folder, 'package.json'), import.meta.filename].map((base) => resolved(specifier, base));
  const file = found.find((each) => each !== undefined);
  if (file === undefined)
    throw new CannotRun(`errand ${command} needs the package ${from}: npm install --save-dev ${from}`);
  return (await import(pathToFileURL(file).href)) as T;
}

function resolved(specifier: string, base: string): string | undefined {
  try {
    return createRequire(base).resolve(specifier);
  } catch {
    return undefined;
  }
}

/** What the shell sets takes precedence. A file that was not asked for may be absent. */
function loadEnvFile({ folder }: World, file?: string): void {
  try {
    process.loadEnvFile(resolve(folder, file ?? '.env'));
  } catch (error) {
    if (file === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new CannotRun(`${file ?? '.env'} cannot be read: ${(error as Error).message}`);
  }
}
