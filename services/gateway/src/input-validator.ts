import type { InputError } from '@errand/contracts';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { RE2JS } from 're2js';
import { inputErrorsOf } from './input-errors.ts';

/** Returns what is wrong with an input whose JSON had so many characters; empty when nothing is. */
export type InputValidator = (input: unknown, length: number) => InputError[];

/**
 * Of inputs up to this size every error is named, of larger ones the first. Ajv builds all errors before it returns,
 * and a megabyte of wrong items would keep the process from its other requests for seconds.
 */
const ALL_ERRORS_LENGTH = 131_072;

/** Patterns come from executors and inputs from callers: RE2 takes linear time whatever the two are. */
function compilePattern(pattern: string) {
  const compiled = RE2JS.compile(pattern);
  return {
    test: (text: string) => compiled.test(text),
    // Ajv tells patterns apart by their text.
    toString: () => `re2:${pattern}`,
  };
}
const regExp = Object.assign(compilePattern, { code: 're2' });

/**
 * Compiles a JSON Schema 2020-12. Formats are annotations, and so are keywords that the standard does not know;
 * the action's own schema, which the executor applies, has the last word.
 * @throws for a schema that is not one, or has a pattern that RE2 does not take, such as a lookahead.
 */
export function compileInputSchema(schema: Record<string, unknown>): InputValidator {
  const thorough = compile(schema, { allErrors: true });
  let quick: ValidateFunction | undefined;
  return (input, length) => {
    if (length > ALL_ERRORS_LENGTH) quick ??= compile(schema, { allErrors: false });
    const validate = length > ALL_ERRORS_LENGTH && quick ? quick : thorough;
    if (validate(input)) return [];
    const errors = inputErrorsOf(validate.errors ?? []);
    // The function lives on; the inputs that its errors point to should not.
    validate.errors = null;
    return errors;
  };
}

/** One instance for each schema, since Ajv keeps every schema that it has seen. */
function compile(schema: Record<string, unknown>, options: { allErrors: boolean }): ValidateFunction {
  const ajv = new Ajv2020({
    ...options,
    verbose: true,
    strict: false,
    validateFormats: false,
    logger: false,
    code: { regExp: regExp as never },
  });
  return ajv.compile(schema);
}
