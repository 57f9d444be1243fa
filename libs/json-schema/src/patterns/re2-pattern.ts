import { _, type CodeKeywordDefinition, str } from 'ajv/dist/2020.js';
import { usePattern } from 'ajv/dist/vocabularies/code.js';
import { RE2JS } from 're2js';
import type { Run } from '../run.ts';
import { instancePath, TooMuchText } from '../step-limit.ts';
import { assertPatternSize, estimatePatternSize } from './pattern-size.ts';

/** The patterns of one schema, each compiled once. */
export interface Patterns {
  /**
   * Compiles an ECMA-262 pattern for RE2, which takes linear time for any pattern and text: patterns come from
   * executors and inputs from callers.
   * @throws for a pattern that RE2 does not accept, such as a lookahead or more than 1,000 repetitions, or that is too
   * large
   */
  compile(pattern: string): RE2JS;
}

export function createPatterns(): Patterns {
  const compiled = new Map<string, RE2JS>();
  let size = 0;
  return {
    compile(pattern) {
      const known = compiled.get(pattern);
      if (known) return known;
      // The size is estimated first, so that a large one is never compiled.
      assertPatternSize(pattern, estimatePatternSize(pattern), size);
      const made = compileRe2(pattern);
      assertPatternSize(pattern, made.programSize(), size);
      size += made.programSize();
      compiled.set(pattern, made);
      return made;
    },
  };
}

function compileRe2(pattern: string): RE2JS {
  try {
    return RE2JS.compile(RE2JS.translateRegExp(pattern));
  } catch (cause) {
    throw new Error(`RE2 does not support the pattern ${pattern}`, { cause });
  }
}

/** What a character costs in addition to the instructions that it is matched against. */
const COST_OF_CHARACTER = 4;

/** Ajv's regular expressions, whose work is counted. */
export function re2(patterns: Patterns, run: Run) {
  function compile(pattern: string) {
    const compiled = patterns.compile(pattern);
    const cost = compiled.programSize() + COST_OF_CHARACTER;
    return {
      /** `pathOf` gives the place of the text. Names of members come without it. */
      test(text: string, pathOf = () => ''): boolean {
        run.steps.patternWork -= text.length * cost;
        if (run.steps.patternWork < 0) throw new TooMuchText(pathOf());
        return compiled.test(text);
      },
      // Ajv distinguishes patterns by their text.
      toString: () => `re2:${pattern}`,
    };
  }
  return Object.assign(compile, { code: 're2' });
}

/** `pattern` that reports the place of its text. */
export const locatedPattern: CodeKeywordDefinition = {
  keyword: 'pattern',
  before: 'format',
  type: 'string',
  schemaType: 'string',
  error: {
    message: ({ schemaCode }) => str`must match pattern "${schemaCode}"`,
    params: ({ schemaCode }) => _`{pattern: ${schemaCode}}`,
  },
  code(cxt) {
    const path = str`${instancePath}${cxt.it.errorPath}`;
    cxt.pass(_`${usePattern(cxt, cxt.schema)}.test(${cxt.data}, () => ${path})`);
  },
};
