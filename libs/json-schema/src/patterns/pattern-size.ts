/** The most instructions that a pattern may compile to: some five thousand characters, or 2,500 optional ones. */
const MAX_PATTERN_SIZE = 5_000;
/** The same for all patterns of a schema together, which take some 10 MB and 0.1 s. */
const MAX_SCHEMA_SIZE = 20_000;

/** @throws for a pattern that is too large by itself, or together with others of `known` instructions */
export function assertPatternSize(pattern: string, size: number, known: number): void {
  const shown = pattern.length <= 100 ? pattern : `${pattern.slice(0, 99)}…`;
  if (size > MAX_PATTERN_SIZE) {
    throw new Error(`the pattern ${shown} is too large: use fewer or less deeply nested repeats`);
  }
  if (known + size > MAX_SCHEMA_SIZE) {
    throw new Error(`the pattern ${shown} exceeds the limit: the schema's patterns are too large in total`);
  }
}

const REPEAT = /\{(\d+)(?:,(\d*))?\}/y;
const ESCAPE = /\\(?:[pPux]\{[^}]{0,50}\}|.)/sy;
const CLASS = /\[(?:\\.|[^\]\\])*\]?/sy;
const GROUP = /\((?:\?(?:[:=!]|<[=!]|<\w+>))?/y;

/** About how many instructions a pattern compiles to (rarely fewer), estimated without compiling it. */
export function estimatePatternSize(pattern: string): number {
  const outer: number[] = [];
  let sum = 0;
  let last = 0;
  let at = 0;
  const take = (token: RegExp) => {
    token.lastIndex = at;
    const found = token.exec(pattern);
    if (found) at = token.lastIndex;
    return found;
  };
  const add = (size: number) => {
    last = size;
    sum += size;
  };
  while (at < pattern.length) {
    const repeat = take(REPEAT);
    if (repeat) {
      const [, least = '', most = least] = repeat;
      const times = Math.max(Number(least), Number(most));
      // Each optional copy has an instruction of its own.
      const repeated = last * times + Math.max(1, times - Number(least));
      sum += repeated - last;
      last = repeated;
    } else if (take(ESCAPE) || take(CLASS)) add(1);
    else if (take(GROUP)) {
      outer.push(sum);
      sum = 0;
    } else if (pattern.charAt(at) === ')') {
      at += 1;
      const inner = sum + 2;
      sum = outer.pop() ?? 0;
      add(inner);
    } else {
      const isRepeat = /[*+?]/.test(pattern.charAt(at));
      at += 1;
      if (isRepeat) {
        sum += 1;
        last += 1;
      } else add(1);
    }
  }
  return outer.reduce((all, each) => all + each + 2, sum);
}
