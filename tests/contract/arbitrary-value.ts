import fc from 'fast-check';
import type { Json } from './openapi-document.ts';

const MAX_DEPTH = 6;
const MAX_ITEMS = 3;

/** Values for a member of a given name, whatever its schema says: ids that exist, URLs that lead nowhere else. */
export type Hints = (name: string) => fc.Arbitrary<unknown> | undefined;

/** Values that mostly fit a schema of the document. */
export function arbitraryValue(
  schema: unknown,
  context: { schemas: Readonly<Record<string, Json>>; hints: Hints },
  depth = 0,
): fc.Arbitrary<unknown> {
  if (typeof schema !== 'object' || schema === null || depth > MAX_DEPTH)
    return fc.jsonValue({ maxDepth: 1 });
  const one = schema as Json;
  const deeper = (each: unknown) => arbitraryValue(each, context, depth + 1);
  if (typeof one.$ref === 'string') return deeper(context.schemas[one.$ref.split('/').at(-1) ?? '']);
  if ('const' in one) return fc.constant(one.const);
  if (Array.isArray(one.enum)) return fc.constantFrom(...one.enum);
  for (const branches of [one.anyOf, one.oneOf]) {
    if (Array.isArray(branches)) return fc.oneof(...branches.map(deeper));
  }
  if (Array.isArray(one.allOf)) {
    const parts = fc.tuple(...one.allOf.map(deeper), ofType(one, context, depth));
    return parts.map((made) => Object.assign({}, ...made.filter((each) => typeof each === 'object')));
  }
  return ofType(one, context, depth);
}

function ofType(
  schema: Json,
  context: { schemas: Readonly<Record<string, Json>>; hints: Hints },
  depth: number,
): fc.Arbitrary<unknown> {
  const { type, minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
  const types = Array.isArray(type) ? type : [type];
  if (types.length > 1)
    return fc.oneof(...types.map((each) => ofType({ ...schema, type: each }, context, depth)));
  const min = Number(minimum ?? exclusiveMinimum ?? -1_000);
  const max = Math.max(min, Number(maximum ?? exclusiveMaximum ?? min + 100_000));
  switch (types[0]) {
    case 'object':
      return object(schema, context, depth);
    case 'array': {
      const { minItems = 0, items } = schema as { minItems?: number; items?: unknown };
      const item = arbitraryValue(items, context, depth + 1);
      return fc.array(item, { minLength: minItems, maxLength: Math.max(minItems, MAX_ITEMS) });
    }
    case 'string':
      return text(schema);
    case 'integer':
      return fc.integer({ min: Math.ceil(min), max: Math.min(2 ** 31 - 1, Math.floor(max)) });
    case 'number':
      return fc.double({ min, max, noNaN: true, noDefaultInfinity: true });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    default:
      return schema.properties ? object(schema, context, depth) : fc.jsonValue({ maxDepth: 2 });
  }
}

function object(
  schema: Json,
  context: { schemas: Readonly<Record<string, Json>>; hints: Hints },
  depth: number,
): fc.Arbitrary<unknown> {
  const {
    properties = {},
    required = [],
    additionalProperties,
  } = schema as {
    properties?: Json;
    required?: string[];
    additionalProperties?: unknown;
  };
  if (Object.keys(properties).length === 0 && typeof additionalProperties === 'object') {
    const value = arbitraryValue(additionalProperties, context, depth + 1);
    return fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), value, { maxKeys: 3 });
  }
  const members = Object.entries(properties).map(([name, each]) => [
    name,
    context.hints(name) ?? arbitraryValue(each, context, depth + 1),
  ]);
  return fc.record(Object.fromEntries(members), {
    requiredKeys: required.filter((name) => name in properties) as never[],
  });
}

function text({ format, pattern, minLength, maxLength }: Json): fc.Arbitrary<string> {
  if (format === 'date-time') {
    const near = { min: new Date('2026-01-01'), max: new Date('2027-06-01'), noInvalidDate: true };
    return fc.date(near).map((date) => date.toISOString());
  }
  if (typeof pattern === 'string') {
    return fc.stringMatching(new RegExp(pattern)).filter((made) => made.length <= Number(maxLength ?? 500));
  }
  const min = Number(minLength ?? 0);
  return fc.string({
    minLength: min,
    maxLength: Math.max(min, Math.min(40, Number(maxLength ?? 40))),
    unit: 'binary',
  });
}
