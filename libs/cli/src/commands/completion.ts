import { Argument, type Command, type Option } from 'commander';
import type { Bind, World } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';

/*
 * The scripts ask the command itself, so that they fit whatever version is called: `errand complete -- <words>` prints
 * what the last word may become, one a line. Whatever goes wrong there, nothing is printed.
 */

const SCRIPTS = {
  bash: `_errand() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(errand complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _errand errand
`,
  zsh: `#compdef errand
_errand() {
  local -a found
  found=(\${(f)"$(errand complete -- "\${words[@]:1:$((CURRENT-1))}" 2>/dev/null)"})
  if (( \${#found} )); then compadd -a found; else _files; fi
}
if [[ "$funcstack[1]" == _errand ]]; then _errand "$@"; else compdef _errand errand; fi
`,
  fish: `function __errand_complete
  set -l words (commandline -opc) (commandline -ct)
  errand complete -- $words[2..-1] 2>/dev/null
end
complete -c errand -a '(__errand_complete)'
`,
} as const;

const SHELLS = Object.keys(SCRIPTS);
/** A shell waits for the answer while somebody types. */
const ACTIONS_TIMEOUT_MS = 1_500;

export function addCompletion(program: Command, bind: Bind): void {
  program
    .command('completion')
    .description('print a script for the shell: source <(errand completion bash)')
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

async function complete(world: World, program: Command, words: readonly string[]): Promise<ExitCode> {
  const wanted = wantedAt(program, words);
  const candidates = wanted === 'action' ? await actionNames(world) : wanted;
  const start = words.at(-1) ?? '';
  const fitting = candidates.filter((each) => each.startsWith(start));
  world.stdout.write(fitting.map((each) => `${each}\n`).join(''));
  return 0;
}

/** What the last word may be: these words, or the name of an action. */
export function wantedAt(program: Command, words: readonly string[]): readonly string[] | 'action' {
  const last = words.at(-1) ?? '';
  let command = program;
  let pending: Option | undefined;
  let place = 0;
  for (const word of words.slice(0, -1)) {
    if (pending) pending = undefined;
    else if (word.startsWith('-')) pending = optionsOf(command).find((each) => takesValue(each, word));
    else {
      const below = command.commands.find((each) => each.name() === word);
      if (below) command = below;
      else place += 1;
    }
  }
  if (pending) return wantedBy(pending);
  if (last.startsWith('-')) return optionsOf(command).flatMap(({ long }) => long ?? []);
  if (command.commands.length > 0) return namesOf(command);
  const argument = command.registeredArguments[place];
  if (!argument) return optionsOf(command).flatMap(({ long }) => long ?? []);
  const isAction = ['run', 'actions'].includes(command.name()) && command.parent === program;
  return isAction ? 'action' : (argument.argChoices ?? []);
}

/** Those that come with a value, and are not given as --name=value. */
function takesValue(option: Option, word: string): boolean {
  return option.long === word && (option.required || option.optional);
}

function wantedBy({ long, argChoices }: Option): readonly string[] | 'action' {
  return long === '--action' ? 'action' : (argChoices ?? []);
}

function namesOf(command: Command): string[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((each) => each.name());
}

/** Its own and those of all commands above it. */
function optionsOf(command: Command): Option[] {
  const help = command.createHelp();
  const above = command.parent ? optionsOf(command.parent) : [];
  return [...help.visibleOptions(command), ...above.filter(({ long }) => long !== '--help')];
}

async function actionNames(world: World): Promise<string[]> {
  try {
    const signal = AbortSignal.any([world.signal, AbortSignal.timeout(ACTIONS_TIMEOUT_MS)]);
    return (await (await world.errand()).actions({ signal })).map(({ name }) => name);
  } catch {
    return [];
  }
}
