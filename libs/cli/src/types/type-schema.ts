import { isObject, type Schema, type SchemaRefs, schemaRefs } from './schema-refs.ts';

const KEPT = ['type', 'enum', 'const', 'required'];
const OF_SCHEMAS = ['allOf', 'anyOf', 'oneOf'];
const BY_NAME = ['properties', 'patternProperties'];
/** The members that these name exist only in some cases: their object has to stay open. */
const IN_SOME_CASES = ['if', 'then', 'else', 'dependentSchemas'];
const NOTHING: Schema = { tsType: 'never' };

/** The targets of references, under names that are unique in the document. */
export interface Definitions {
  readonly all: Readonly<Record<string, Schema>>;
  /** Names the target of a schema's reference, and keeps what is made of it. */
  add(target: unknown, likeliest: string, make: () => Schema): string;
}

export function createDefinitions(): Definitions {
  const all: Record<string, Schema> = {};
  const names = new Map<unknown, string>();
  return {
    all,
    add(target, likeliest, make) {
      const known = names.get(target);
      if (known !== undefined) return known;
      const word = likeliest.replace(/\W/g, '_') || 'Value';
      let name = word;
      for (let nr = 2; Object.hasOwn(all, name); nr++) name = `${word}_${nr}`;
      names.set(target, name);
      // Its own references may lead back here.
      all[name] = {};
      all[name] = make();
      return name;
    },
  };
}

/**
 * The parts of a JSON Schema (2020-12) that affect types, in the older keywords that json-schema-to-typescript knows.
 * Targets of references go into the document's definitions; references that lead nowhere say nothing. An object says
 * whether it may have members other than those it names, or else has none.
 */
export function typeSchema(schema: unknown, definitions: Definitions): Schema {
  return typesOf(schema, { refs: schemaRefs(schema), definitions });
}

interface Reading {
  readonly refs: SchemaRefs;
  readonly definitions: Definitions;
}

function typesOf(schema: unknown, reading: Reading): Schema {
  if (!isObject(schema)) return schema === false ? NOTHING : {};
  const { $ref, ...beside } = schema;
  const made = ownTypesOf(beside, reading);
  if (typeof $ref !== 'string') return made;
  const { description, ...types } = withRequired(made);
  const parts = [referenceOf($ref, reading), ...(Object.keys(types).length > 0 ? [types] : [])];
  return { allOf: parts, ...(description === undefined ? {} : { description }) };
}

/** Names required members that are described elsewhere, so that the requirement is not lost. */
function withRequired(made: Schema): Schema {
  if (!Array.isArray(made.required)) return made;
  const unnamed = made.required.map((name) => [String(name), {}]);
  return { ...made, properties: { ...Object.fromEntries(unnamed), ...(made.properties ?? {}) } };
}

function referenceOf(ref: string, reading: Reading): Schema {
  const target = reading.refs.find(ref);
  if (!isObject(target)) return typesOf(target, reading);
  const likeliest = decodeURIComponent(ref.split(/[#/]/).at(-1) ?? '');
  return {
    $ref: `#/definitions/${reading.definitions.add(target, likeliest, () => typesOf(target, reading))}`,
  };
}

function ownTypesOf(given: Schema, reading: Reading): Schema {
  const inner = (each: unknown) => typesOf(each, reading);
  const made: Schema = {};
  for (const [word, value] of Object.entries(given)) {
    if (KEPT.includes(word)) made[word] = value;
    else if (word === 'description') made[word] = String(value).replaceAll('*/', '* /');
    else if (OF_SCHEMAS.includes(word) && Array.isArray(value)) made[word] = value.map(inner);
    else if (BY_NAME.includes(word) && isObject(value)) {
      made[word] = Object.fromEntries(Object.entries(value).map(([name, each]) => [name, inner(each)]));
    } else if (word === 'additionalProperties')
      made[word] = typeof value === 'boolean' ? value : inner(value);
  }
  Object.assign(made, itemsOf(given, inner));
  const isOpen = (given.type === 'object' && given.properties === undefined) || namesInSomeCases(given);
  if (isOpen && given.additionalProperties === undefined) made.additionalProperties = true;
  return made;
}

/** A list, a tuple, or a tuple with a rest. */
function itemsOf({ prefixItems, items }: Schema, inner: (each: unknown) => Schema): Schema {
  if (!Array.isArray(prefixItems) && items !== false)
    return items === undefined ? {} : { items: inner(items) };
  const places = Array.isArray(prefixItems) ? prefixItems.map(inner) : [];
  const isClosed = items === undefined || items === false;
  return {
    items: places,
    minItems: places.length,
    ...(isClosed ? { additionalItems: false, maxItems: places.length } : { additionalItems: inner(items) }),
  };
}

/** Whether it names members that exist only in some cases. */
function namesInSomeCases(given: Schema): boolean {
  const cases = IN_SOME_CASES.flatMap((word) =>
    word === 'dependentSchemas' && isObject(given[word]) ? Object.values(given[word]) : [given[word]],
  );
  const parts = OF_SCHEMAS.flatMap((word) => (Array.isArray(given[word]) ? given[word] : []));
  return cases.some(namesMembers) || parts.some((part) => isObject(part) && namesInSomeCases(part));
}

function namesMembers(schema: unknown): boolean {
  if (!isObject(schema)) return false;
  if (schema.properties !== undefined || schema.$ref !== undefined || schema.required !== undefined)
    return true;
  const parts = [...OF_SCHEMAS, ...IN_SOME_CASES].flatMap((word) => schema[word] ?? []);
  return parts.some(namesMembers);
}
