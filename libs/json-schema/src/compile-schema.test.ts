import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { schemaMistakes } from './check-schema.ts';
import { compileSchema } from './compile-schema.ts';

/** As an executor announces it. */
function validatorOf(schema: z.ZodType) {
  const validate = compileSchema(z.toJSONSchema(schema, { io: 'input' }));
  return (input: unknown) => validate(input, 100);
}
const named = (errors: ReturnType<ReturnType<typeof validatorOf>>) =>
  errors.map(({ pointer, code }) => `${pointer} ${code}`);

test('a valid input has no errors', () => {
  expect(validatorOf(z.strictObject({ a: z.number() }))({ a: 1 })).toEqual([]);
});

test('every wrong member is named at once, with its limit in the detail', () => {
  const validate = validatorOf(
    z.strictObject({
      arrays: z.array(z.object({ tilt_deg: z.number().max(90) })).max(1),
      mount: z.enum(['roof', 'ground']),
      name: z.string().max(3),
      day: z.iso.date(),
      year: z.int(),
    }),
  );
  const input = {
    arrays: [{ tilt_deg: 91 }, {}],
    mount: 'lake',
    name: 'long',
    day: '2026-02-30',
    year: '2026',
    odd: 1,
  };
  expect(validate(input)).toEqual([
    { pointer: '#/odd', code: 'unknown_property', detail: 'is not a known property' },
    { pointer: '#/arrays', code: 'max_items', detail: 'must not have more than 1 items' },
    { pointer: '#/arrays/0/tilt_deg', code: 'maximum', detail: 'must be <= 90' },
    { pointer: '#/arrays/1/tilt_deg', code: 'required', detail: 'is required' },
    { pointer: '#/mount', code: 'enum', detail: 'must be one of "roof", "ground"' },
    { pointer: '#/name', code: 'max_length', detail: 'must not have more than 3 characters' },
    { pointer: '#/day', code: 'pattern', detail: 'must be a valid date' },
    { pointer: '#/year', code: 'type', detail: 'must be integer' },
  ]);
});

test('for a tagged union the branch that the tag names is reported, otherwise only the union', () => {
  const shape = z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('circle'), radius: z.number() }),
    z.object({ kind: z.literal('square'), side: z.number() }),
  ]);
  const validate = validatorOf(z.object({ shape }));
  expect(named(validate({ shape: { kind: 'square' } }))).toEqual(['#/shape/side required']);
  expect(named(validate({ shape: { kind: 'blob' } }))).toEqual(['#/shape one_of']);
});

test('for many values of a tagged union only the mistakes are named, in all of them', () => {
  const site = (type: string, extra: z.ZodType) =>
    z.object({ type: z.literal(type), area: z.number(), name: z.string(), extra });
  const sites = z.array(
    z.discriminatedUnion('type', [
      site('roof', z.string()),
      site('ground', z.number()),
      site('water', z.boolean()),
      site('facade', z.null()),
    ]),
  );
  const input = {
    sites: Array.from({ length: 100 }, () => ({ type: 'water', area: 'x', name: 'y', extra: true })),
  };
  expect(named(validatorOf(z.object({ sites }))(input))).toEqual(
    input.sites.map((_, index) => `#/sites/${index}/area type`),
  );
});

test('for a value that several branches of a oneOf accept, the others report nothing', () => {
  const validate = compileSchema({ oneOf: [{ type: 'number' }, { minimum: 1 }, { maximum: 3 }] });
  expect(named(validate(5, 1))).toEqual(['# one_of']);
});

test('of a union of types the branch of the value’s own type is reported', () => {
  const validate = validatorOf(z.object({ at: z.union([z.string(), z.number().min(3)]) }));
  expect(named(validate({ at: 1 }))).toEqual(['#/at minimum']);
  expect(named(validate({ at: true }))).toEqual(['#/at any_of']);
});

test('a schema that refers to itself reports the inner place and not the union around it', () => {
  const Tree = z.object({
    size: z.number(),
    get child(): z.ZodOptional<z.ZodType> {
      return z.union([z.object({ kind: z.literal('leaf') }), z.object({ of: Tree })]).optional();
    },
  });
  expect(named(validatorOf(Tree)({ size: 1, child: { of: { size: 'x' } } }))).toEqual([
    '#/child/of/size type',
  ]);
});

test('a wrong property name is reported once, at the property', () => {
  const validate = validatorOf(z.object({ by: z.record(z.string().regex(/^[a-z]+$/), z.number()) }));
  expect(named(validate({ by: { A: 1, b: 'x' } }))).toEqual(['#/by/A invalid_property_name', '#/by/b type']);
});

test('each wrong property name is reported', () => {
  const validate = validatorOf(z.object({ by: z.record(z.string().max(1), z.number()) }));
  expect(named(validate({ by: { aa: 1, b: 1, cc: 2 } }))).toEqual([
    '#/by/aa invalid_property_name',
    '#/by/cc invalid_property_name',
  ]);
});

test('names are escaped as in URI fragment pointers', () => {
  const errors = validatorOf(z.strictObject({}))({ 'a/b~c d#é': 1 });
  expect(named(errors)).toEqual(['#/a~1b~0c%20d%23%C3%A9 unknown_property']);
});

test('at most 100 errors are named', () => {
  const validate = validatorOf(z.object({ list: z.array(z.number()) }));
  expect(validate({ list: Array(1_000).fill('x') })).toHaveLength(100);
});

test('for a large input the first error is named', () => {
  const validate = compileSchema(z.toJSONSchema(z.object({ list: z.array(z.number()) })));
  expect(validate({ list: Array(100_000).fill('x') }, 400_000)).toHaveLength(1);
});

test('patterns that take exponential time elsewhere are answered', () => {
  const validate = validatorOf(z.object({ a: z.string().regex(/^(a+)+$/) }));
  expect(named(validate({ a: `${'a'.repeat(5_000)}!` }))).toEqual(['#/a pattern']);
});

test('patterns are read as JavaScript writes them', () => {
  const validate = validatorOf(z.object({ a: z.string().regex(/^\u00e9\cJ(?<year>\d{4})\/$/) }));
  expect(validate({ a: 'é\n2026/' })).toEqual([]);
  expect(named(validate({ a: 'u00e9' }))).toEqual(['#/a pattern']);
});

test.each([
  ['a promise of an answer', { $async: true }],
  ['a promise deep inside', { properties: { a: { $ref: '#/x' } }, x: { $async: true } }],
  ['a promise inside data', { properties: { a: { $ref: '#/default' } }, default: { $async: true } }],
  ['a reference that changes with its surroundings', { properties: { a: { $dynamicRef: '#a' } } }],
  ['a reference to itself', { $ref: '#' }],
  ['another dialect', { $schema: 'http://json-schema.org/draft-07/schema#' }],
  ['null for a keyword', { properties: null }],
  ['a lookahead', { properties: { a: { pattern: '(?=x)y' } } }],
  ['an unknown type', { type: 'thing' }],
  ['a dangling reference', { $ref: '#/$defs/nowhere' }],
])('%s does not compile', (_, schema) => {
  expect(() => compileSchema(schema)).toThrow();
});

test('whatever the input, it is accepted or each error has a pointer, a code and a detail, none twice', () => {
  const validate = validatorOf(
    z.strictObject({
      a: z.union([z.number(), z.array(z.string()), z.object({ b: z.literal(1) })]),
      c: z.record(z.string().max(2), z.boolean()).optional(),
    }),
  );
  fc.assert(
    fc.property(fc.jsonValue(), (input) => {
      const errors = validate(input);
      expect(new Set(named(errors)).size).toBe(errors.length);
      for (const error of errors) {
        expect(error.pointer).toMatch(/^#/);
        expect(error.code).toMatch(/^[a-z_]+$/);
        expect(error.detail).not.toBe('');
      }
    }),
  );
});

function nestedSchema(depth: number): Record<string, unknown> {
  let schema = {};
  for (let level = 0; level < depth; level++) schema = { items: schema };
  return schema;
}

test.each<[string, Record<string, unknown>, string[][]]>([
  ['nothing', { type: 'object', properties: { pattern: { type: 'string', pattern: '^a+$' } } }, []],
  ['data that looks like a pattern', { properties: { default: {} }, default: { pattern: '(?=x)' } }, []],
  [
    'types',
    { type: 'thing', properties: { a: { minLength: -1 } } },
    [['type'], ['properties', 'a', 'minLength']],
  ],
  ['patterns', { properties: { 'a/b': { pattern: '(?=x)y' } } }, [['properties', 'a/b', 'pattern']]],
  ['pattern names', { patternProperties: { '(': {} } }, [['patternProperties', '(']]],
  ['references', { $ref: '#/$defs/nowhere' }, [[]]],
  ['a promise of an answer', { $async: true }, [['$async']]],
  ['a member that is called so', { properties: { $async: { type: 'string' } }, default: { $async: 1 } }, []],
  [
    'promises inside',
    { properties: { a: { $async: false } }, $defs: { b: { $async: true } } },
    [
      ['properties', 'a', '$async'],
      ['$defs', 'b', '$async'],
    ],
  ],
  ['dynamic references', { items: { $dynamicRef: '#x' } }, [['items', '$dynamicRef']]],
  ['a dialect', { $schema: 'http://json-schema.org/draft-07/schema#' }, [['$schema']]],
  ['its own dialect', { $schema: 'https://json-schema.org/draft/2020-12/schema' }, []],
  ['null for members', { properties: null }, [['properties']]],
  ['null for a list', { properties: { a: { required: null } } }, [['properties', 'a', 'required']]],
  ['null for a schema', { properties: { a: null } }, [['properties', 'a']]],
  ['numbers', { properties: { a: { default: Number.POSITIVE_INFINITY } } }, [['properties', 'a', 'default']]],
  ['no numbers', { maximum: Number.NaN, enum: [1, Number.NEGATIVE_INFINITY] }, [['maximum'], ['enum', '1']]],
  ['a reference to itself', { $ref: '#' }, [['$ref']]],
  [
    'references in a circle',
    {
      properties: { a: { $ref: '#/$defs/a' } },
      $defs: {
        a: { anyOf: [{ type: 'string' }, { $ref: '#/$defs/b' }] },
        b: { allOf: [{ $ref: '#/$defs/a' }] },
      },
    },
    [['$defs', 'a', 'anyOf', '1', '$ref']],
  ],
  [
    'references that lead nowhere but on',
    { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } },
    [[]],
  ],
  ['what is nested too deeply', nestedSchema(20_000), [[]]],
  ['references that go further in', { properties: { a: { $ref: '#' } }, items: { $ref: '#' } }, []],
])('mistakes in a schema are reported by their place: %s', (_, schema, paths) => {
  const found = schemaMistakes(schema).map(({ path }) => path);
  expect(found).toHaveLength(paths.length);
  expect(found).toEqual(expect.arrayContaining(paths));
});
