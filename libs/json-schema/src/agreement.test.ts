import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileSchema } from './compile-schema.ts';

/* References, memory and order are ours; right and wrong are defined by the standard, as plain Ajv implements it. */

const NAMES = ['a', 'b', 'c'] as const;
const refs = fc.constantFrom('#', ...NAMES.map((name) => `#/$defs/${name}`)).map(($ref) => ({ $ref }));
const leaf = fc.constantFrom<object | boolean>(
  { type: 'string' },
  { type: 'number', minimum: 1 },
  { type: ['object', 'array'] },
  { const: 'x' },
  { enum: [1, 'y', null] },
  { required: ['b'] },
  { dependentRequired: { a: ['b'] } },
  { uniqueItems: true },
  { multipleOf: 2 },
  { maxProperties: 1 },
  { pattern: '^x' },
  {},
  true,
  false,
);
/** References go only into the value, or they would never end. */
const inside = fc.oneof({ weight: 2, arbitrary: refs }, leaf);
const { schema } = fc.letrec<{ schema: object | boolean }>((tie) => {
  const list = fc.array(tie('schema'), { minLength: 1, maxLength: 3 });
  return {
    schema: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.record({ items: inside }),
      fc.record({ prefixItems: fc.tuple(inside, leaf), unevaluatedItems: inside }),
      fc.record({ contains: inside }),
      fc.record({
        properties: fc.record({ a: inside, b: inside }, { requiredKeys: [] }),
        additionalProperties: inside,
      }),
      fc.record({ anyOf: list, unevaluatedProperties: inside }),
      fc.record({ oneOf: list }),
      fc.record({ anyOf: list }),
      fc.record({ allOf: list, properties: fc.record({ b: inside }) }),
      fc.record({ not: tie('schema') }),
      conditional(tie('schema')),
      fc.record({ dependentSchemas: fc.record({ a: tie('schema') }) }),
      fc.record({ propertyNames: leaf }),
    ),
  };
});
function conditional(part: fc.Arbitrary<object | boolean>): fc.Arbitrary<object> {
  return fc.tuple(part, part, part).map((parts) => {
    const entries = ['if', 'then', 'else'].map((word, index) => [word, parts[index]]);
    return Object.fromEntries(entries) as object;
  });
}
const document = fc.record({ root: schema, a: schema, b: schema, c: schema }).map(({ root, ...$defs }) => ({
  allOf: [root, { anyOf: [{ $ref: '#/$defs/a' }, { $ref: '#/$defs/b' }] }],
  unevaluatedProperties: { $ref: '#/$defs/c' },
  $defs,
}));
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<unknown>('x', 'y', 0, 1, 2, null, true),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'x'), tie('value'), { maxKeys: 3 }),
  ),
}));

test('inputs are valid if and only if plain Ajv says so, whether all errors are looked for or one', () => {
  fc.assert(
    fc.property(document, fc.array(value, { minLength: 5, maxLength: 20 }), (given, inputs) => {
      // Where Ajv inlines a schema in place of its reference, it counts members seen by a failed branch as evaluated.
      const plain = new Ajv2020({ strict: false, validateSchema: false, inlineRefs: false }).compile(given);
      const validate = compileSchema(given);
      for (const each of inputs) {
        const input: unknown = JSON.parse(JSON.stringify(each));
        const isRight = plain(input);
        expect(validate(input, 10).length === 0).toBe(isRight);
        expect(validate(input, 1_000_000).length === 0).toBe(isRight);
      }
    }),
    { numRuns: 25 },
  );
});
