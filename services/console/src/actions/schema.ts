/** The part of JSON Schema 2020-12 that the form draws; anything else becomes a field of JSON. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly title?: string;
  readonly description?: string;
  readonly format?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly $ref?: string;
  readonly [keyword: string]: unknown;
}

type FieldKind = 'object' | 'array' | 'string' | 'number' | 'boolean' | 'choice' | 'json';

/** How a schema is drawn, with its reference resolved. */
export interface Field {
  readonly kind: FieldKind;
  readonly schema: Schema;
  readonly isNullable: boolean;
}

const UNDRAWN = ['oneOf', 'anyOf', 'allOf', 'not', 'if', '$dynamicRef'] as const;

export function fieldOf(schema: Schema, root: Schema, depth = 0): Field {
  if (schema.$ref !== undefined && depth < 10) {
    const found = resolve(schema.$ref, root);
    if (found) return fieldOf({ ...found, ...without(schema, '$ref') }, root, depth + 1);
  }
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? []);
  const isNullable = types.includes('null');
  const [type, ...others] = types.filter((each) => each !== 'null');
  const json: Field = { kind: 'json', schema, isNullable };
  const nullable = nullableOf(schema);
  if (nullable && depth < 10)
    return { ...fieldOf({ ...nullable, ...labelsOf(schema) }, root, depth + 1), isNullable: true };
  if (UNDRAWN.some((keyword) => schema[keyword] !== undefined)) return json;
  if (schema.enum?.every((each) => typeof each !== 'object')) return { kind: 'choice', schema, isNullable };
  if (schema.const !== undefined)
    return { kind: 'choice', schema: { ...schema, enum: [schema.const] }, isNullable };
  if (others.length > 0) return json;
  switch (type) {
    case 'object':
      return schema.properties ? { kind: 'object', schema, isNullable } : json;
    case 'array':
      return schema.items ? { kind: 'array', schema, isNullable } : json;
    case 'string':
    case 'boolean':
      return { kind: type, schema, isNullable };
    case 'number':
    case 'integer':
      return { kind: 'number', schema, isNullable };
    default:
      return json;
  }
}

/** The one schema beside null: how many generators write an optional value. */
function nullableOf({ anyOf, oneOf }: Schema): Schema | undefined {
  const choices = (anyOf ?? oneOf) as readonly Schema[] | undefined;
  if (choices?.length !== 2) return undefined;
  const others = choices.filter(({ type }) => type !== 'null');
  return others.length === 1 ? others[0] : undefined;
}

function labelsOf({ title, description }: Schema): Schema {
  return { ...(title === undefined ? {} : { title }), ...(description === undefined ? {} : { description }) };
}

function resolve(ref: string, root: Schema): Schema | undefined {
  if (!ref.startsWith('#/')) return undefined;
  let at: unknown = root;
  for (const part of ref.slice(2).split('/')) {
    const name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
    at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[name] : undefined;
  }
  return typeof at === 'object' && at !== null ? (at as Schema) : undefined;
}

function without(schema: Schema, keyword: string): Schema {
  return Object.fromEntries(Object.entries(schema).filter(([name]) => name !== keyword));
}
