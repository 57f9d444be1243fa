import { refTo, type Schema } from './schemas.ts';

/*
 * An action's JSON Schema becomes components of the document. Definitions at its root become components of their own,
 * references are rewritten to where things lie then, and what the document's readers do not know is left out: keywords
 * that the standard does not have say nothing there, and bases (`$id`) would lead references astray.
 */

type Json = Record<string, unknown>;

const IN_MAPS = ['properties', 'patternProperties', 'dependentSchemas', '$defs'];
const IN_LISTS = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
const ALONE = [
  ...['items', 'contains', 'additionalProperties', 'unevaluatedItems', 'unevaluatedProperties', 'not'],
  ...['if', 'then', 'else', 'propertyNames', 'contentSchema'],
];
const PLAIN = [
  ...['type', 'enum', 'const', 'multipleOf', 'maximum', 'exclusiveMaximum', 'minimum', 'exclusiveMinimum'],
  ...['maxLength', 'minLength', 'maxItems', 'minItems', 'uniqueItems', 'maxContains', 'minContains'],
  ...['maxProperties', 'minProperties', 'required', 'dependentRequired', 'title', 'description', 'default'],
  ...['deprecated', 'readOnly', 'writeOnly', 'examples', 'format', 'contentEncoding', 'contentMediaType'],
];
const DEFINITIONS = /^#\/(?:\$defs|definitions)\/([^/]+)(\/.*)?$/;

/**
 * The components that a schema becomes, the schema itself under `id`. References that lead nowhere become open schemas.
 * `refer` makes a reference to a component.
 */
export function embedSchema(id: string, schema: Json, refer = refTo): Record<string, Schema> {
  const definitions = { ...objectAt(schema, 'definitions'), ...objectAt(schema, '$defs') };
  const names = new Map<string, string>();
  for (const name of Object.keys(definitions)) {
    const wanted = `${id}_${name.replaceAll(/[^\w.-]/g, '_')}`;
    names.set(name, [...names.values()].includes(wanted) ? `${wanted}_${names.size}` : wanted);
  }
  const { $defs: _, definitions: __, ...rest } = schema;
  const rewrite = (sent: string) => rewrittenRef(sent, { id, schema, names, refer });
  return {
    [id]: asObject(walk(rest, rewrite)),
    ...Object.fromEntries(
      Object.entries(definitions).map(([name, each]) => [names.get(name), asObject(walk(each, rewrite))]),
    ),
  };
}

function walk(schema: unknown, rewrite: (ref: string) => Schema): unknown {
  if (typeof schema === 'boolean') return schema;
  if (!isObject(schema)) return {};
  const written: Json = {};
  for (const [key, value] of Object.entries(schema)) {
    if (IN_MAPS.includes(key) && isObject(value)) {
      const entries = Object.entries(value).filter(
        ([name]) => key !== 'patternProperties' || isPattern(name),
      );
      written[key] = Object.fromEntries(entries.map(([name, each]) => [name, walk(each, rewrite)]));
    } else if (IN_LISTS.includes(key) && Array.isArray(value)) {
      written[key] = value.map((each) => walk(each, rewrite));
    } else if (ALONE.includes(key)) written[key] = walk(value, rewrite);
    else if (PLAIN.includes(key) || (key === 'pattern' && isPattern(value))) written[key] = value;
    else if (key === '$ref' && typeof value === 'string') Object.assign(written, rewrite(value));
  }
  return written;
}

function rewrittenRef(
  sent: string,
  {
    id,
    schema,
    names,
    refer,
  }: { id: string; schema: Json; names: ReadonlyMap<string, string>; refer: (id: string) => Schema },
): Schema {
  const base = typeof schema.$id === 'string' ? schema.$id.replace(/#$/, '') : undefined;
  const local = base !== undefined && sent.startsWith(base) ? sent.slice(base.length) || '#' : sent;
  if (local === '#' || local === '#/') return refer(id);
  const pointer = /^#[^/]/.test(local) ? pointerOf(schema, local.slice(1)) : local;
  if (pointer === undefined || !leadsSomewhere(schema, pointer)) return {};
  const [, name = '', rest = ''] = DEFINITIONS.exec(pointer) ?? [];
  const component = names.get(unescaped(name));
  return refer(component === undefined ? id + pointer.slice(1) : component + rest);
}

/** Where the schema with this `$anchor` lies. */
function pointerOf(schema: unknown, anchor: string, pointer = '#'): string | undefined {
  if (typeof schema !== 'object' || schema === null) return undefined;
  if ((schema as Json).$anchor === anchor) return pointer;
  for (const [key, value] of Object.entries(schema)) {
    const token = key.replaceAll('%', '%25').replaceAll('~', '~0').replaceAll('/', '~1');
    const found = pointerOf(value, anchor, `${pointer}/${token}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function leadsSomewhere(schema: Json, pointer: string): boolean {
  if (!pointer.startsWith('#/')) return false;
  let at: unknown = schema;
  for (const token of pointer.slice(2).split('/')) {
    const key = unescaped(token);
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return false;
    at = (at as Json)[key];
  }
  return true;
}

function unescaped(token: string): string {
  const text = token.replaceAll('~1', '/').replaceAll('~0', '~');
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Patterns are RE2's here and everybody else's there. */
function isPattern(value: unknown): boolean {
  try {
    return typeof value === 'string' && new RegExp(value, 'u') !== undefined;
  } catch {
    return false;
  }
}

function asObject(schema: unknown): Schema {
  if (schema === false) return { not: {} };
  return isObject(schema) ? schema : {};
}

function objectAt(schema: Json, key: string): Json {
  const value = schema[key];
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
