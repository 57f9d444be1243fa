import { resourceParameters } from '@errand/client';
import { ActionName } from '@errand/contracts';
import { Argument, type Command } from 'commander';
import type { Bind, World } from '../command.ts';
import { SCRIPTS } from '../completion/shell-scripts.ts';
import { joinBroken, placeOf, type Wanted } from '../completion/wanted-words.ts';
import type { ExitCode } from '../output/exit-codes.ts';
import { readConfigFile } from '../settings/config-file.ts';

/*
 * The scripts ask the command itself, so that they fit whatever version is called: `errand complete -- <words>` prints
 * the possible completions of the last word, one per line. If anything fails there, nothing is printed. Words from a
 * server are printed only if no shell could take them for more than a word.
 */

const SHELLS = Object.keys(SCRIPTS);
/** A shell waits for the answer while somebody types. */
const PATIENCE = { timeoutMs: 1_500, retry: { maxAttempts: 1 } };
const PLAIN_WORD = /^[\w.-]+$/;

export function addCompletion(program: Command, bind: Bind): void {
  program
    .command('completion')
    .description('print a completion script: eval "$(errand completion bash)"')
    .addArgument(new Argument('<shell>', 'which').choices(SHELLS))
    .action(
      bind(async (world, _, shell = '') => {
        world.stdout.write(SCRIPTS[shell as keyof typeof SCRIPTS]);
        return 0;
      }),
    );
  program
    .command('complete', { hidden: true })
    .argument('[words...]')
    .action(bind((world, _, ...[words]) => complete(world, program, words as unknown as string[])));
}

async function complete(world: World, program: Command, given: readonly string[]): Promise<ExitCode> {
  const { words, isRest } = joinBroken(given);
  if (isRest) return 0;
  const { wanted, isList, commands } = placeOf(program, words);
  const start = words.at(-1) ?? '';
  const before = isList ? start.slice(0, start.lastIndexOf(',') + 1) : '';
  const candidates = [...commands, ...(await candidatesOf(world, wanted).catch(() => []))];
  const fitting = candidates.map((each) => before + each).filter((each) => each.startsWith(start));
  world.stdout.write(fitting.map((each) => `${each}\n`).join(''));
  return 0;
}

async function candidatesOf(world: World, wanted: Wanted): Promise<readonly string[]> {
  if (Array.isArray(wanted)) return wanted;
  if (wanted === 'profile') {
    const { content } = await readConfigFile(world.env);
    return Object.keys(content.profiles).filter((name) => PLAIN_WORD.test(name));
  }
  const errand = await world.errand({}, PATIENCE);
  const actions = await errand.actions({ signal: world.signal });
  if (wanted === 'action') {
    return actions.map(({ name }) => name).filter((name) => ActionName.safeParse(name).success);
  }
  const { parameterOf } = wanted as Exclude<Wanted, string | readonly string[]>;
  const resource = actions.find(({ name }) => name === parameterOf)?.resource ?? '';
  return resourceParameters(resource).map((name) => `${name}=`);
}
