import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { compileSchema } from './compile-schema.ts';
import { isMultiple } from './multiple-of.ts';

test.each([
  [19.99, 0.01],
  [4.35, 0.01],
  [1.13, 0.01],
  [0.29, 0.01],
  [0.07, 0.01],
  [0.3, 0.1],
  [-0.3, 0.1],
  [0, 0.01],
  [2.03, 0.07],
  [1e22, 0.01],
  [123456789.12, 0.01],
  [1e300, 2],
  [9, 3],
  [7.5, 2.5],
])('%d is a multiple of %d', (value, step) => {
  expect(isMultiple(value, step)).toBe(true);
});

test.each([
  [19.995, 0.01],
  [0.35, 0.1],
  [1.5, 1],
  [4503599627370495.5, 1],
  [1e20, 3],
  [9007199254740994, 4],
  [1e308, 5e-324 * 3],
])('%d is not a multiple of %d', (value, step) => {
  expect(isMultiple(value, step)).toBe(false);
});

test('whatever zod calls a multiple of a decimal step, so does the schema that callers see', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(0.01, 0.1, 0.05, 0.25, 0.001, 0.5, 2, 10),
      fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }),
      fc.constantFrom(0, 0.003),
      (step, count, off) => {
        const schema = z.object({ a: z.number().multipleOf(step) });
        const input = { a: Number((count * step + off * step).toPrecision(15)) };
        const errors = compileSchema(z.toJSONSchema(schema))(input, 10);
        expect(errors.length === 0).toBe(schema.safeParse(input).success);
      },
    ),
    { numRuns: 60 },
  );
});

test('the step is in the detail', () => {
  const [error] = compileSchema({ multipleOf: 0.01 })(0.001, 10);
  expect(error).toEqual({ pointer: '#', code: 'multiple_of', detail: 'must be multiple of 0.01' });
});
