import { expect, test } from 'vitest';
import { compile } from './compile-checks.ts';
import { compileSchema } from './compile-schema.ts';
import { TooManySteps } from './step-limit.ts';

const kinds = Array.from({ length: 50 }, (_, index) => ({
  type: 'object',
  properties: { kind: { const: index }, a: { type: 'number' } },
  required: ['kind', 'a'],
  additionalProperties: false,
}));
const schema = { items: { anyOf: kinds } };
const listOf = (length: number, item: unknown = {}) => Array.from({ length }, () => item);
const members = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`m${at}`, 1]));

test('a list of wrong items is read to its end', () => {
  expect(compileSchema(schema)(listOf(200), 600)).toHaveLength(100);
});

test.each<[string, unknown]>([
  ['many items in many branches', listOf(2_000)],
  ['many unknown members in many branches', [members(3_000)]],
])('of %s the first is named, and the next input is checked as usual', (_, input) => {
  const { errorsOf } = compile(schema, { allErrors: true });
  expect(() => errorsOf(input)).toThrow(TooManySteps);
  expect(errorsOf([{}])).not.toEqual([]);
  expect(compileSchema(schema)(input, 10_000)).toMatchObject([{ pointer: '#/0', code: 'any_of' }]);
});

test('valid inputs of any size are valid', () => {
  expect(compileSchema(schema)(listOf(20_000, { kind: 49, a: 1 }), 1_000)).toEqual([]);
});

test('what lies deep inside, under long paths, counts more', () => {
  const tree = {
    $ref: '#/$defs/t',
    $defs: { t: { properties: { ['p'.repeat(1_000)]: { $ref: '#/$defs/t' } }, not: { required: ['bad'] } } },
  };
  let input: unknown = { bad: 1 };
  for (let level = 0; level < 300; level++) input = { ['p'.repeat(1_000)]: input };
  expect(() => compile(tree, { allErrors: true }).errorsOf(input)).toThrow(TooManySteps);
  expect(compileSchema(tree)(input, 1_000)).toMatchObject([{ code: 'not' }]);
});

test.each<[string, object]>([
  ['names', { propertyNames: false }],
  ['members by pattern', { patternProperties: { '^m': false } }],
  ['missing members', { dependentRequired: { m0: Array.from({ length: 300 }, (_, at) => `n${at}`) } }],
])('%s that are not allowed count one by one', (_, each) => {
  const { errorsOf } = compile({ items: { anyOf: Array(10).fill(each) } }, { allErrors: true });
  expect(() => errorsOf(listOf(50, members(300)))).toThrow(TooManySteps);
});
