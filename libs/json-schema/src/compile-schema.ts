import { fragmentOf, type InputError } from '@errand/contracts';
import type { ErrorObject } from 'ajv/dist/2020.js';
import { examineSchema } from './check-schema.ts';
import { type Compiled, compile } from './compile-checks.ts';
import { inputErrorsOf } from './input-errors.ts';
import { type CheckSteps, createSteps, TooManySteps, TooMuchText } from './step-limit.ts';

/**
 * Returns what is wrong with an input whose JSON had `length` characters; empty when nothing is. Its time grows with
 * the input as well as with the schema, whatever the two are. Inputs that share `steps` cost no more than one.
 * @throws RangeError for an input nested so deeply that the stack overflows
 */
export type Validator = (input: unknown, length: number, steps?: CheckSteps) => InputError[];

/**
 * For inputs up to this size every error is named, unless too many might have to be looked for; for larger ones, the
 * first. A megabyte of wrong items would keep the process from its other requests for seconds.
 */
const ALL_ERRORS_LENGTH = 131_072;

/** Thrown for a schema that cannot check inputs. The message has a line for each mistake. */
class BadSchema extends Error {
  override name = 'BadSchema';
  readonly code = 'bad_schema';
  readonly retryable = false;
}

/**
 * Compiles a JSON Schema 2020-12. Formats outside FORMATS are annotations, and so are keywords that the standard does
 * not know; the action's own schema, which the executor applies, has the last word.
 * @throws BadSchema for one in which schemaMistakes finds a mistake
 */
export function compileSchema(schema: Record<string, unknown>): Validator {
  const { mistakes, checked } = examineSchema(schema);
  if (!checked) {
    throw new BadSchema(mistakes.map(({ path, detail }) => [...path, detail].join(' / ')).join('\n'));
  }
  const { quick, patterns } = checked;
  let thorough: typeof quick | undefined;
  return (input, length, steps = createSteps()) => {
    const first = firstErrors(quick, input, steps);
    if (first instanceof TooMuchText) return [tooCostly(first)];
    if (first.length === 0 || length > ALL_ERRORS_LENGTH || steps.left <= 0) return inputErrorsOf(first);
    thorough ??= compile(schema, { allErrors: true, patterns });
    try {
      return inputErrorsOf(thorough.errorsOf(input, steps));
    } catch (error) {
      if (error instanceof TooManySteps || error instanceof TooMuchText) return inputErrorsOf(first);
      throw error;
    }
  };
}

function tooCostly({ instancePath }: TooMuchText): InputError {
  return {
    pointer: fragmentOf(instancePath),
    code: 'too_costly',
    detail: 'is too long, together with earlier texts, for the patterns they must match',
  };
}

/** TooMuchText if the texts of the input are too long to be checked. */
function firstErrors(quick: Compiled, input: unknown, steps: CheckSteps): ErrorObject[] | TooMuchText {
  try {
    return quick.errorsOf(input, steps);
  } catch (error) {
    if (error instanceof TooMuchText) return error;
    throw error;
  }
}
