import fc from 'fast-check';
import { RE2JS } from 're2js';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { schemaMistakes } from '../check-schema.ts';
import { compileSchema } from '../compile-schema.ts';
import { createSteps } from '../step-limit.ts';
import { estimatePatternSize } from './pattern-size.ts';

/** Undefined for a pattern that RE2 does not accept, such as one with too many nested repetitions. */
function sizeOf(pattern: string): number | undefined {
  try {
    return RE2JS.compile(RE2JS.translateRegExp(pattern)).programSize();
  } catch {
    return undefined;
  }
}
const mistakesOf = (...patterns: string[]) =>
  schemaMistakes({ allOf: patterns.map((pattern) => ({ pattern })) }).map(({ detail }) => detail);

test.each([
  'a{1000}'.repeat(950),
  '((a{100}){100}){100}',
  '(?:[a-z]{0,1000}){5}',
  `\\u{61}${'b{900}'.repeat(9)}`,
])('a pattern of too many repetitions is refused before it is compiled, by name', (pattern) => {
  expect(mistakesOf(pattern)).toEqual([expect.stringMatching(/^the pattern .{1,100} is too large/)]);
});

test('patterns of a schema are measured together, and a repeated one counts once', () => {
  const large = Array.from({ length: 5 }, (_, at) =>
    `^[a-z]{4${at}00}$`.replace(/\d+/, `1000}[a-z]{1000}[a-z]{1000}[a-z]{1000}[a-z${at}]{500`),
  );
  expect(mistakesOf(...large)).toEqual([expect.stringMatching(/ exceeds the limit/)]);
  expect(mistakesOf(...large.slice(0, 4), ...large.slice(0, 4))).toEqual([]);
});

test('the patterns of zod and ordinary ones are accepted', () => {
  const schemas = [
    z.email(),
    z.uuid(),
    z.ipv4(),
    z.ipv6(),
    z.cidrv6(),
    z.base64(),
    z.iso.datetime(),
    z.iso.date(),
  ];
  const patterns = schemas.map((schema) => String(z.toJSONSchema(schema).pattern));
  expect(mistakesOf(...patterns, '^[a-z]{1,1000}$', '<[^>]{1,200}/>', '^\\p{L}{1,100}$')).toEqual([]);
});

const part = fc.constantFrom(
  'a',
  '[^>]',
  '\\d',
  '\\p{L}',
  '\\u{1F600}',
  '.',
  '\\]',
  '[\\]a{9}]',
  '(?:ab|c)',
  '(x)',
);
const times = fc.constantFrom('', '', '*', '+?', '?', '{3}', '{2,5}', '{4,}', '{0,7}');
const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
  pattern: fc
    .array(
      fc.tuple(
        fc.oneof(
          { maxDepth: 3 },
          part,
          tie('pattern').map((inner) => `(${inner})`),
        ),
        times,
      ),
      {
        minLength: 1,
        maxLength: 4,
      },
    )
    .map((parts) => parts.flat().join('')),
}));

test('the size of a pattern is known before it is compiled, within a factor of two', () => {
  fc.assert(
    fc.property(pattern, (given) => {
      const size = sizeOf(given);
      if (size === undefined) return fc.pre(false);
      expect(estimatePatternSize(given)).toBeGreaterThan(size / 2 - 5);
      expect(estimatePatternSize(given)).toBeLessThan(size * 2 + 10);
    }),
  );
});

test.each([
  ['<[^>]{1,200}/>', '<'],
  ['a[ab]{900}c', 'ab'],
])('a long text is not checked against the large pattern %s, and that is reported', (each, text) => {
  const validate = compileSchema({ properties: { text: { pattern: each } } });
  const steps = createSteps();
  const before = steps.patternWork;
  expect(validate({ text: text.repeat(20) }, 100, steps)).toMatchObject([{ code: 'pattern' }]);
  expect(steps.patternWork).toBeLessThan(before);
  expect(validate({ text: text.repeat(500_000) }, 1_000_000, steps)).toEqual([
    {
      pointer: '#/text',
      code: 'too_costly',
      detail: 'is too long, together with earlier texts, for the patterns they must match',
    },
  ]);
});

test.each<[string, object, unknown, string]>([
  ['a list', { items: { pattern: 'a{0,500}' } }, ['a', 'b', 'a'.repeat(500_000)], '#/2'],
  [
    'members of any name, behind references',
    {
      additionalProperties: { $ref: '#/$defs/text' },
      $defs: { text: { anyOf: [{ type: 'null' }, { properties: { 'a/b': { pattern: 'a{500}' } } }] } },
    },
    { 'é~': { 'a/b': 'a'.repeat(500_000) } },
    '#/%C3%A9~0/a~1b',
  ],
  ['the value itself', { pattern: 'a{500}' }, 'a'.repeat(500_000), '#'],
  ['a name', { propertyNames: { pattern: 'a{500}' } }, { ['a'.repeat(500_000)]: 1 }, '#'],
])('a text that is not checked is pointed to: %s', (_, schema, input, pointer) => {
  expect(compileSchema({ ...schema })(input, 1_000_000)).toMatchObject([{ pointer, code: 'too_costly' }]);
});

test('inputs that share steps share the work of patterns, including names of members', () => {
  const validate = compileSchema({ propertyNames: { pattern: '^[a-z]{1,500}$' } });
  const steps = createSteps();
  const input = { ['a'.repeat(400)]: 1 };
  let checked = 0;
  while (checked < 1_000 && validate(input, 500, steps).length === 0) checked += 1;
  expect(checked).toBeGreaterThan(50);
  expect(checked).toBeLessThan(1_000);
});

test('a megabyte of base64 is checked', () => {
  const validate = compileSchema(z.toJSONSchema(z.object({ file: z.base64() })));
  expect(validate({ file: 'abcd'.repeat(250_000) }, 1_000_000)).toEqual([]);
});
