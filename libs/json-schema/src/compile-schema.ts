import type { InputError } from '@errand/contracts';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { RE2JS } from 're2js';
import { inputErrorsOf } from './input-errors.ts';

/** Returns what is wrong with an input whose JSON had so many characters; empty when nothing is. */
export type Validator = (input: unknown, length: number) => InputError[];

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
export function compileSchema(schema: Record<string, unknown>): Validator {
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

/** What a schema is wrong in, and where; empty for one that compiles. */
export interface SchemaMistake {
  /** Keys from the schema's root. */
  readonly path: readonly string[];
  readonly detail: string;
}

export function schemaMistakes(schema: Record<string, unknown>): SchemaMistake[] {
  const ajv = createAjv({ allErrors: true });
  if (ajv.validateSchema(schema) === false) {
    const mistakes = (ajv.errors ?? []).map(({ instancePath, message = 'is not valid' }) => ({
      path: pathOf(instancePath),
      detail: message,
    }));
    // Applicators repeat what their branches say.
    return mistakes.filter(
      ({ path }, index) => mistakes.findIndex((one) => isSame(one.path, path)) === index,
    );
  }
  const patterns = patternsOf(schema, []).filter(({ pattern }) => !takesPattern(pattern));
  if (patterns.length > 0) {
    return patterns.map(({ path, pattern }) => ({
      path,
      detail: `RE2 does not take the pattern ${pattern}`,
    }));
  }
  try {
    ajv.compile(schema);
    return [];
  } catch (error) {
    return [{ path: [], detail: (error as Error).message }];
  }
}

/** One instance for each schema, since Ajv keeps every schema that it has seen. */
function compile(schema: Record<string, unknown>, options: { allErrors: boolean }): ValidateFunction {
  return createAjv(options).compile(schema);
}

function createAjv(options: { allErrors: boolean }): Ajv2020 {
  return new Ajv2020({
    ...options,
    verbose: true,
    strict: false,
    validateFormats: false,
    logger: false,
    code: { regExp: regExp as never },
  });
}

function pathOf(pointer: string): string[] {
  const tokens = pointer.split('/').slice(1);
  return tokens.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((key, index) => key === b[index]);
}

/** Keywords whose values are data and hold no schema. */
const DATA_KEYWORDS = ['const', 'enum', 'default', 'examples'];

function patternsOf(schema: unknown, path: string[]): { path: string[]; pattern: string }[] {
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([key, value]) => {
    const here = [...path, key];
    if (DATA_KEYWORDS.includes(key) && path.at(-1) !== 'properties') return [];
    if (key === 'pattern' && typeof value === 'string') return [{ path: here, pattern: value }];
    const named = path.at(-1) === 'patternProperties' ? [{ path: here, pattern: key }] : [];
    return [...named, ...patternsOf(value, here)];
  });
}

function takesPattern(pattern: string): boolean {
  try {
    RE2JS.compile(pattern);
    return true;
  } catch {
    return false;
  }
}
