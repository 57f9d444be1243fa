import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { createInPlaceReferences } from './in-place-references.ts';
import { multipleOf } from './multiple-of.ts';
import { FORMATS } from './patterns/formats.ts';
import { createPatterns, locatedPattern, type Patterns, re2 } from './patterns/re2-pattern.ts';
import { reference } from './reference.ts';
import { createRun } from './run.ts';
import { type CheckSteps, counting, createSteps, stepLimit } from './step-limit.ts';
import { uniqueItems } from './unique-items.ts';

const OPTIONS = { verbose: true, strict: false, formats: FORMATS, logger: false } as const;

export interface Compiled {
  /** What is wrong; empty for a valid input. Keeps nothing of it. Default: its own steps. */
  readonly errorsOf: (input: unknown, steps?: CheckSteps) => ErrorObject[];
  /** The schema whose reference leads back to itself without end. */
  readonly endless: unknown;
}

/**
 * Compiles a valid schema without `$async` and `$dynamicRef`, either to find the first error in time that grows with
 * the input only, or to find every error within a limit of steps.
 * @throws for a schema that does not compile. `errorsOf` throws TooManySteps, TooMuchText, and RangeError for a value
 * nested so deeply that the stack overflows.
 */
export function compile(
  schema: Record<string, unknown>,
  { allErrors, patterns = createPatterns() }: { allErrors: boolean; patterns?: Patterns },
): Compiled {
  const run = createRun();
  const inPlace = createInPlaceReferences();
  // One instance per schema, since Ajv keeps every schema that it has seen.
  const ajv = new Ajv2020({
    ...OPTIONS,
    allErrors,
    validateSchema: false,
    inlineRefs: false,
    code: { regExp: re2(patterns, run) as never },
  });
  // Tracking what has been evaluated costs time, and makes Ajv try all branches of an anyOf.
  ajv.opts.unevaluated = JSON.stringify(schema).includes('"unevaluated');
  const keywords = [reference(run, inPlace), multipleOf, locatedPattern, uniqueItems(run)];
  for (const keyword of keywords) ajv.removeKeyword(String(keyword.keyword)).addKeyword(keyword);
  if (allErrors) ajv.addKeyword(stepLimit(run));
  const validate = ajv.compile(allErrors ? counting(schema) : schema);
  return {
    endless: inPlace.endless(),
    errorsOf(input, steps = createSteps()) {
      run.steps = steps;
      try {
        return validate(input) === true ? [] : (validate.errors ?? []);
      } finally {
        validate.errors = null;
        run.end();
      }
    },
  };
}
