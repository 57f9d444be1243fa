import { type Command, CommanderError } from 'commander';
import type { Bind, Surroundings, World } from './command.ts';
import type { ExitCode } from './output/exit-codes.ts';
import { tellFailure } from './output/tell-failure.ts';
import { jsonLine } from './output/text.ts';
import { createProgram } from './program.ts';
import { createWorld } from './world.ts';

/** Runs one command; a failure is reported in one line. */
export async function runCommand(args: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  let world: World | undefined;
  let knowsOnly2 = false;
  const bind: Bind = (perform, { jsonWhenPiped = false, refusalIs2 = false } = {}) => {
    return async (...given) => {
      const command = given.at(-1) as Command;
      const { json, profile, ...options } = command.optsWithGlobals();
      const isJson = (json as boolean | undefined) ?? (jsonWhenPiped && !surroundings.columns);
      world = createWorld(surroundings, { json: isJson, profile: profile as string | undefined });
      knowsOnly2 = refusalIs2;
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
    if (error instanceof CommanderError) return endOfUsage(error, args, surroundings);
    const code = tellFailure(error, surroundings, world);
    return knowsOnly2 && code !== 130 ? 2 : code;
  }
}

/** Commander has already printed the error and the usage. */
function endOfUsage(
  { exitCode, message }: CommanderError,
  args: readonly string[],
  { stdout }: Surroundings,
): ExitCode {
  if (exitCode === 0) return 0;
  const error = { code: 'wrong_usage', detail: message.replace(/^error: /, '') };
  if (args.includes('--json')) stdout.write(`${jsonLine({ error })}\n`);
  return 2;
}
