import fc from 'fast-check';
import { expect, test } from 'vitest';
import { counted } from '../test/counted.ts';
import { compileSchema } from './compile-schema.ts';

const validate = compileSchema({ uniqueItems: true });
const isUnique = (items: unknown) => validate(items, 100).length === 0;

test.each<[boolean, string]>([
  [false, '[1, 1.0]'],
  [false, '[0, -0]'],
  [false, '[{"a": 1, "b": [2]}, {"b": [2.0], "a": 1}]'],
  [false, '[null, 1, null]'],
  [true, '[1, "1", true, "true", null, "null", [], {}, "[]", "{}"]'],
  [true, '[{"a": 1}, {"a": 2}, {"b": 1}, {"a": 1, "b": 1}, ["a", 1]]'],
  [true, '[["a,b"], ["a", "b"], [["a"], "b"], "", [""]]'],
  [true, '[{"a\\"": 1}, {"a": 1}]'],
])('%s: %s', (unique, json) => {
  expect(isUnique(JSON.parse(json))).toBe(unique);
});

test('the two that are equal are named', () => {
  expect(validate([{ a: 1 }, 2, { a: 1 }], 100)).toEqual([
    {
      pointer: '#',
      code: 'unique_items',
      detail: 'must not have duplicate items (items 0 and 2 are identical)',
    },
  ]);
});

test('without uniqueItems, or with false, items may repeat', () => {
  expect(compileSchema({ uniqueItems: false })([1, 1], 10)).toEqual([]);
});

test('items are equal if and only if a pairwise comparison says so', () => {
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom(0, 1, 1.5, '', '1', 'a', true, null),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), tie('value'), { maxKeys: 2 }),
    ),
  })).value;
  fc.assert(
    fc.property(fc.array(value, { maxLength: 6 }), (items) => {
      const json = JSON.parse(JSON.stringify(items)) as unknown[];
      const equal = (a: unknown, b: unknown) => sorted(a) === sorted(b);
      const repeats = json.some((item, index) => json.slice(0, index).some((other) => equal(item, other)));
      expect(isUnique(json)).toBe(!repeats);
    }),
    { numRuns: 500 },
  );
});

function sorted(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(sorted)}]`;
  const members = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)}:${sorted(member)}`);
  return `{${members.toSorted()}}`;
}

test('many objects are read once each, and so are those in lists inside lists', () => {
  const many = counted(
    Array.from({ length: 3_000 }, (_, id) => ({ id, at: { x: 1 } })),
    { limit: 3 },
  );
  expect(isUnique(many.input)).toBe(true);
  let list: unknown = [];
  for (let level = 0; level < 500; level++) list = [list, level];
  const deep = counted(list, { limit: 6 });
  const schema = {
    $ref: '#/$defs/list',
    $defs: { list: { uniqueItems: true, items: { $ref: '#/$defs/list' } } },
  };
  expect(compileSchema(schema)(deep.input, 100)).toEqual([]);
});
