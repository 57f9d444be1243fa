import { createErrand, ErrandError } from '@errand/client';
import { type Command, CommanderError } from 'commander';
import type { Bind, Surroundings, World } from './command.ts';
import { CommandFailed, type ExitCode, failureOf } from './exit-codes.ts';
import { createGateway } from './gateway.ts';
import { createProgram } from './program.ts';
import { needSettings, readSettings, type Setting, type Settings } from './settings.ts';

/** Runs one command; every failure that it knows is said in a line. */
export async function runCommand(args: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  let world: World | undefined;
  const bind: Bind = (perform, { jsonWhenPiped = false } = {}) => {
    return async (...given) => {
      const command = given.at(-1) as Command;
      const { json, profile, ...options } = command.optsWithGlobals();
      const isJson = (json as boolean | undefined) ?? (jsonWhenPiped && !surroundings.columns);
      world = createWorld(surroundings, { json: isJson, profile: profile as string | undefined });
      const words = given.slice(0, -2) as string[];
      exitCode = await perform(world, options as Parameters<typeof perform>[1], ...words);
    };
  };
  const program = createProgram(bind, surroundings);
  if (args.length === 0) {
    program.outputHelp();
    return 2;
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has said what is wrong, and how it is used.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    return tellFailure(error, surroundings, world);
  }
}

function tellFailure(
  error: unknown,
  { stdout, stderr, signal }: Surroundings,
  world: World | undefined,
): ExitCode {
  const failure = failureOf(error);
  // What breaks off by Ctrl-C breaks off in many ways, all of which are this one.
  if (signal.aborted && !(error instanceof CommandFailed)) return 130;
  if (!failure) throw error;
  const lines = [...failure.lines];
  if (error instanceof ErrandError && error.code === 'network_error') {
    const url = world?.asked();
    lines[0] = `${url?.value} cannot be reached: ${error.detail} (the address is from ${url?.from})`;
  }
  stderr.write(`errand: ${lines.join('\n')}\n`);
  if (world?.json) stdout.write(`${JSON.stringify({ error: failure.json })}\n`);
  return failure.exitCode;
}

function createWorld(
  surroundings: Surroundings,
  { json, profile }: { json: boolean; profile: string | undefined },
): World {
  const { env, folder, stderr } = surroundings;
  let read: Promise<Settings> | undefined;
  let asked: Setting | undefined;
  const settings = () => {
    read ??= readSettings({ env, folder, profile });
    return read;
  };
  return {
    ...surroundings,
    ...{ json, profile, settings, asked: () => asked },
    say: (line) => void stderr.write(`${line}\n`),
    async gateway() {
      const known = await settings();
      const { url, admin_key: key } = needSettings(known, 'url', 'admin_key');
      return createGateway({ url, key, keyName: known.admin_key?.from ?? '', signal: surroundings.signal });
    },
    async errand(place = {}) {
      const given = Object.entries(place).filter(([, value]) => value !== undefined);
      const over = given.map(([name, value]) => [name, { value, from: `--${name}` }]);
      const known = { ...(await settings()), ...Object.fromEntries(over) };
      asked = known.url;
      const { url, tenant, api_key: apiKey } = needSettings(known, 'url', 'tenant', 'api_key');
      return createErrand({ url, tenant, apiKey });
    },
  };
}
