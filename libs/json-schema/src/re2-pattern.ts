import { RE2JS } from 're2js';

/**
 * Compiles an ECMA-262 pattern for RE2, which takes linear time whatever pattern and text are: patterns come from
 * executors and inputs from callers.
 * @throws for a pattern that RE2 does not take, such as a lookahead or more than 1,000 repetitions.
 */
function compilePattern(pattern: string) {
  const compiled = RE2JS.compile(RE2JS.translateRegExp(pattern));
  return {
    test: (text: string) => compiled.test(text),
    // Ajv tells patterns apart by their text.
    toString: () => `re2:${pattern}`,
  };
}

/** Ajv's regular expressions. */
export const re2 = Object.assign(compilePattern, { code: 're2' });

export function takesPattern(pattern: string): boolean {
  try {
    compilePattern(pattern);
    return true;
  } catch {
    return false;
  }
}
