import { _, type CodeKeywordDefinition, str } from 'ajv/dist/2020.js';

/** The quotient of a true multiple may be off an integer by slightly less than this many epsilons. */
const EPSILONS = 4;

/**
 * Whether a number is a multiple as written in decimal digits: 19.99 of 0.01. Exact for whole steps; for others as zod
 * does it.
 */
export function isMultiple(value: number, step: number): boolean {
  if (value % step === 0) return true;
  if (Number.isInteger(step)) return false;
  const quotient = value / step;
  return (
    Math.abs(quotient - Math.round(quotient)) < EPSILONS * Number.EPSILON * Math.max(Math.abs(quotient), 1)
  );
}

/** `multipleOf` in decimals: Ajv's own divides, and does not accept 19.99 as a multiple of 0.01. */
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
