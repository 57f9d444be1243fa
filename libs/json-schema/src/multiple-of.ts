import { _, type CodeKeywordDefinition, str } from 'ajv/dist/2020.js';

/** Doubles beside a true multiple give quotients so many epsilons from an integer, and a little less. */
const EPSILONS = 4;

/**
 * Whether a number is a multiple as it is written in decimal digits: 19.99 of 0.01. Exact for whole steps; for others
 * what zod says as well.
 */
export function isMultiple(value: number, step: number): boolean {
  if (value % step === 0) return true;
  if (Number.isInteger(step)) return false;
  const quotient = value / step;
  return (
    Math.abs(quotient - Math.round(quotient)) < EPSILONS * Number.EPSILON * Math.max(Math.abs(quotient), 1)
  );
}

/** `multipleOf` in decimals: Ajv's own divides and calls 19.99 no multiple of 0.01. */
export const multipleOf: CodeKeywordDefinition = {
  keyword: 'multipleOf',
  type: 'number',
  schemaType: 'number',
  error: {
    message: ({ schemaCode }) => str`must be multiple of ${schemaCode}`,
    params: ({ schemaCode }) => _`{multipleOf: ${schemaCode}}`,
  },
  code(cxt) {
    const check = cxt.gen.scopeValue('func', { ref: isMultiple });
    cxt.pass(_`${check}(${cxt.data}, ${cxt.schemaCode})`);
  },
};
