import { expect, test } from 'vitest';
import { z } from 'zod';
import { counted } from '../test/counted.ts';
import { compileSchema } from './compile-schema.ts';

/** Members in this order, so that a branch descends either before or after it looks at its tag. */
function ast(order: 'tag first' | 'tag last') {
  const branch = (op: string) => {
    const args = { type: 'array', items: { $ref: '#/$defs/node' } };
    const tag = { const: op };
    return {
      type: 'object',
      properties: order === 'tag first' ? { op: tag, args } : { args, op: tag },
      required: ['op', 'args'],
    };
  };
  const number = { type: 'object', properties: { op: { const: 'num' }, value: { type: 'number' } } };
  return {
    type: 'object',
    properties: { expr: { $ref: '#/$defs/node' } },
    $defs: { node: { oneOf: [branch('add'), branch('mul'), { ...number, required: ['op', 'value'] }] } },
  };
}

function nested(depth: number, value: unknown = 1) {
  let expr: unknown = { op: 'num', value };
  for (let level = 0; level < depth; level++) expr = { op: 'mul', args: [expr] };
  return { expr };
}
const brief = (errors: ReturnType<ReturnType<typeof compileSchema>>) =>
  errors.map(({ pointer, code }) => `${pointer} ${code}`);
const innermost = (depth: number) => `#/expr${'/args/0'.repeat(depth)}`;

test.each(['tag first', 'tag last'] as const)(
  'each value of a deep right input is read a few times: %s',
  (order) => {
    const { input } = counted(nested(200), { limit: 20 });
    expect(compileSchema(ast(order))(input, 1_000)).toEqual([]);
  },
);

test.each(['tag first', 'tag last'] as const)(
  'so it is of a wrong one, and what is wrong is named: %s',
  (order) => {
    const { input } = counted(nested(200, 'one'), { limit: 60 });
    expect(brief(compileSchema(ast(order))(input, 1_000))).toEqual([`${innermost(200)}/value type`]);
  },
);

test('for a large wrong input the first error is found in the same way', () => {
  const { input } = counted(nested(200, 'one'), { limit: 20 });
  expect(brief(compileSchema(ast('tag last'))(input, 1_000_000))).toHaveLength(1);
});

test('a schema whose parts are each referenced twice is applied once', () => {
  const twice = (name: string) => ({ anyOf: [{ $ref: `#/$defs/${name}` }, { $ref: `#/$defs/${name}` }] });
  const $defs = Object.fromEntries(
    Array.from({ length: 40 }, (_, level) => [
      `d${level}`,
      level === 39 ? { type: 'string' } : twice(`d${level + 1}`),
    ]),
  );
  const validate = compileSchema({ properties: { a: { $ref: '#/$defs/d0' } }, $defs });
  expect(validate({ a: 'x' }, 10)).toEqual([]);
  expect(validate({ a: 1 }, 10)).not.toEqual([]);
  expect(validate({ a: [] }, 10)).not.toEqual([]);
});

test('the branch that was meant is reported at any depth', () => {
  const Node: z.ZodType = z.lazy(() =>
    z.discriminatedUnion('op', [
      z.object({ op: z.literal('add'), args: z.array(Node) }),
      z.object({ op: z.literal('mul'), args: z.array(Node) }),
      z.object({ op: z.literal('num'), value: z.number() }),
    ]),
  );
  const validate = compileSchema(z.toJSONSchema(z.object({ expr: Node })));
  for (const depth of [0, 1, 6, 30]) {
    expect(brief(validate(nested(depth, 'one'), 1_000))).toEqual([`${innermost(depth)}/value type`]);
  }
});

test('the same word at two places is reported at both', () => {
  const validate = compileSchema({
    properties: { a: { $ref: '#/$defs/n' }, b: { $ref: '#/$defs/n' }, c: { items: { $ref: '#/$defs/n' } } },
    $defs: { n: { anyOf: [{ type: 'number', minimum: 3 }, { type: 'boolean' }] } },
  });
  expect(brief(validate({ a: 1, b: 1, c: [1, 1] }, 100))).toEqual([
    '#/a minimum',
    '#/b minimum',
    '#/c/0 minimum',
    '#/c/1 minimum',
  ]);
});

test('nothing is remembered from one input to the next', () => {
  const validate = compileSchema(ast('tag last'));
  const input = nested(2);
  expect(validate(input, 100)).toEqual([]);
  const node = input.expr as { args: unknown[] };
  node.args[0] = 'changed';
  expect(validate(input, 100)).not.toEqual([]);
  node.args[0] = { op: 'num', value: 1 };
  expect(validate(input, 100)).toEqual([]);
});

test('nesting deeper than the stack is a RangeError, and the next input is checked as usual', () => {
  const validate = compileSchema(ast('tag last'));
  expect(() => validate(nested(100_000), 1_000)).toThrow(RangeError);
  expect(validate(nested(3), 100)).toEqual([]);
});
