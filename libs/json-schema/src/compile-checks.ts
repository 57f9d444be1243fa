import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { multipleOf } from './multiple-of.ts';
import { re2 } from './re2-pattern.ts';
import { createRun } from './run.ts';
import { uniqueItems } from './unique-items.ts';

const OPTIONS = { verbose: true, strict: false, validateFormats: false, logger: false } as const;

export interface Compiled {
  /** What is wrong; empty for a right input. Remembers nothing of it. */
  readonly errorsOf: (input: unknown) => ErrorObject[];
}

/**
 * Compiles a schema that is one, and that has no `$async`: to find the first error or every error.
 * @throws for a schema that does not compile. `errorsOf` throws RangeError for what is nested so deeply that the stack
 * ends.
 */
export function compile(schema: Record<string, unknown>, { allErrors }: { allErrors: boolean }): Compiled {
  const run = createRun();
  // One instance for each schema, since Ajv keeps every schema that it has seen.
  const ajv = new Ajv2020({ ...OPTIONS, allErrors, validateSchema: false, code: { regExp: re2 as never } });
  for (const keyword of [multipleOf, uniqueItems(run)]) {
    ajv.removeKeyword(String(keyword.keyword)).addKeyword(keyword);
  }
  const validate = ajv.compile(schema);
  return {
    errorsOf(input) {
      try {
        return validate(input) === true ? [] : (validate.errors ?? []);
      } finally {
        validate.errors = null;
        run.end();
      }
    },
  };
}
