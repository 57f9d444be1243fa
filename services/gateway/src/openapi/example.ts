import { compileSchema } from '@errand/json-schema';

type Json = Record<string, unknown>;

const BY_FORMAT: Record<string, string> = {
  'date-time': '2026-01-31T12:00:00Z',
  date: '2026-01-31',
  time: '12:00:00Z',
  email: 'ada@example.org',
  uri: 'https://example.org/',
  uuid: '019c2f3e-0000-7000-8000-000000000000',
  hostname: 'example.org',
  ipv4: '192.0.2.1',
};
const MAX_DEPTH = 12;

/** A value that a schema takes: one that its author gave, else one made from it; undefined if that does not fit either. */
export function exampleOf(schema: Json): unknown {
  const given = Array.isArray(schema.examples) ? schema.examples : [];
  try {
    const validate = compileSchema(schema);
    const derived = [true, false].map((all) => derive(schema, { root: schema, all, depth: 0 }));
    return [...given, ...derived].find(
      (value) => value !== undefined && validate(value, JSON.stringify(value).length).length === 0,
    );
  } catch {
    return undefined;
  }
}

interface Place {
  readonly root: Json;
  /** Members that need not be there, too. */
  readonly all: boolean;
  readonly depth: number;
}

function derive(schema: unknown, place: Place): unknown {
  if (typeof schema !== 'object' || schema === null || place.depth > MAX_DEPTH) return undefined;
  const { $ref, const: only, enum: words, examples, default: standard, allOf } = schema as Json;
  const deeper = { ...place, depth: place.depth + 1 };
  if (typeof $ref === 'string') return derive(resolve(place.root, $ref), deeper);
  if (only !== undefined) return only;
  if (Array.isArray(examples) && examples.length > 0) return examples[0];
  if (standard !== undefined) return standard;
  if (Array.isArray(words)) return words[0];
  const { anyOf, oneOf, ...rest } = schema as Json;
  const branch = [anyOf, oneOf].find(Array.isArray)?.[0];
  const parts = [...(Array.isArray(allOf) ? allOf : []), ...(branch === undefined ? [] : [branch])];
  if (parts.length === 0) return ofType(rest, deeper);
  const made = [...parts.map((part) => derive(part, deeper)), ofType(rest, deeper)];
  const objects = made.filter(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  );
  return objects.length > 0 ? Object.assign({}, ...objects) : made.find((value) => value !== undefined);
}

function ofType(schema: Json, place: Place): unknown {
  const type = Array.isArray(schema.type) ? schema.type.find((each) => each !== 'null') : schema.type;
  switch (type ?? (schema.properties ? 'object' : undefined)) {
    case 'object':
      return object(schema, place);
    case 'array': {
      const { items, prefixItems } = schema;
      if (Array.isArray(prefixItems)) return prefixItems.map((each) => derive(each, place));
      return Array.from({ length: Number(schema.minItems ?? 1) }, () => derive(items, place) ?? 'x');
    }
    case 'string':
      return BY_FORMAT[String(schema.format)] ?? 'x'.repeat(Number(schema.minLength ?? 1));
    case 'integer':
    case 'number':
      return number(schema, type === 'integer');
    case 'boolean':
      return true;
    case 'null':
      return null;
    default:
      return undefined;
  }
}

function object(schema: Json, place: Place): Json {
  const required = Array.isArray(schema.required) ? schema.required : [];
  const entries = Object.entries((schema.properties ?? {}) as Json)
    .filter(([name]) => place.all || required.includes(name))
    .map(([name, each]) => [name, derive(each, place)])
    .filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries);
}

function number(schema: Json, isInteger: boolean): number {
  const { minimum, exclusiveMinimum, maximum, exclusiveMaximum } = schema as Record<
    string,
    number | undefined
  >;
  const low = minimum ?? exclusiveMinimum;
  const high = maximum ?? exclusiveMaximum;
  const wanted = low !== undefined && high !== undefined ? (low + high) / 2 : (low ?? 0) + 1;
  const value = high !== undefined && wanted >= high ? high - 1 : wanted;
  const step = typeof schema.multipleOf === 'number' ? schema.multipleOf : isInteger ? 1 : undefined;
  return step === undefined ? value : Math.ceil(value / step) * step;
}

function resolve(root: Json, ref: string): unknown {
  let at: unknown = root;
  for (const token of ref.split('/').slice(1)) at = (at as Json | undefined)?.[token.replaceAll('~1', '/')];
  return at;
}
