import type { Command, Option } from 'commander';

/** What a word may be: one of these, or a name that has to be looked up. */
export type Wanted = readonly string[] | 'action' | 'profile' | { readonly parameterOf: string };

interface Place {
  readonly wanted: Wanted;
  /** Several may be given, separated by commas. */
  readonly isList: boolean;
  /** Commands that may stand in the same place. */
  readonly commands: readonly string[];
}

/** What the last word may be. */
export function placeOf(program: Command, words: readonly string[]): Place {
  const last = words.at(-1) ?? '';
  let command = program;
  let pending: Option | undefined;
  const given: string[] = [];
  for (const word of words.slice(0, -1)) {
    if (pending) pending = undefined;
    else if (word.startsWith('-')) pending = optionsOf(command).find((each) => takesValue(each, word));
    else {
      const below = command.commands.find((each) => each.name() === word);
      if (below) command = below;
      else given.push(word);
    }
  }
  if (pending) {
    return { wanted: wantedBy(pending, given), isList: pending.flags.endsWith('<names>'), commands: [] };
  }
  if (last.startsWith('-')) return { wanted: longOf(command), isList: false, commands: [] };
  const commands = given.length === 0 && command.commands.length > 0 ? namesOf(command) : [];
  return { wanted: wordsOf(command, given.length), isList: false, commands };
}

/** Options that take a value, and are not given as --name=value. */
function takesValue(option: Option, word: string): boolean {
  return option.long === word && (option.required || option.optional);
}

function wantedBy({ long, argChoices }: Option, [action]: readonly string[]): Wanted {
  if (long === '--action' || long === '--actions') return 'action';
  if (long === '--profile') return 'profile';
  if (long === '--resource' && action !== undefined) return { parameterOf: action };
  return argChoices ?? [];
}

/** What may be in a place that does not belong to an option. */
function wordsOf(command: Command, place: number): Wanted {
  const argument = command.registeredArguments[place];
  if (!argument) return command.commands.length > 0 ? [] : longOf(command);
  if (['run', 'actions', 'withdraw'].includes(command.name())) return 'action';
  return command.name() === 'use' ? 'profile' : (argument.argChoices ?? []);
}

function namesOf(command: Command): string[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((each) => each.name());
}

function longOf(command: Command): string[] {
  return optionsOf(command).flatMap(({ long }) => long ?? []);
}

const OF_ALL_ONLY_ONCE = ['--help', '--version'];

/** Its own options and those of all commands above it. */
function optionsOf(command: Command): Option[] {
  const help = command.createHelp();
  const above = command.parent ? optionsOf(command.parent) : [];
  return [
    ...help.visibleOptions(command),
    ...above.filter(({ long }) => !OF_ALL_ONLY_ONCE.includes(long ?? '')),
  ];
}

/**
 * Bash splits words at `=`, `:` and `@` and passes the parts as words of their own: this joins `--metadata a = b`
 * again, and says whether the last word is only the rest of one.
 */
export function joinBroken(words: readonly string[]): { words: readonly string[]; isRest: boolean } {
  const joined: string[] = [];
  let isRest = false;
  let isOpen = false;
  for (const word of words) {
    const isBreak = /^[=:@]+$/.test(word);
    isRest = (isBreak || isOpen) && joined.length > 0;
    if (isRest) joined.push(`${joined.pop()}${word}`);
    else joined.push(word);
    isOpen = isBreak;
  }
  return { words: joined, isRest };
}
