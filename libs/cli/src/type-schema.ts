export type Schema = Record<string, unknown>;

const KEPT = ['type', 'enum', 'const', 'required'];
const OF_SCHEMAS = ['allOf', 'anyOf', 'oneOf'];
const BY_NAME = ['properties', 'patternProperties', '$defs', 'definitions'];

/**
 * What of a JSON Schema (2020-12) says something about types, in the older words that json-schema-to-typescript knows.
 * References into the schema are made to fit `place`, a pointer to where it is put; others say nothing. An object says
 * whether it may have other members than those it names, or else has none.
 */
export function typeSchema(schema: unknown, place: string): Schema {
  if (typeof schema !== 'object' || schema === null) return schema === false ? { not: {} } : {};
  const given = schema as Schema;
  const inner = (each: unknown) => typeSchema(each, place);
  const made: Schema = {};
  for (const [word, value] of Object.entries(given)) {
    if (KEPT.includes(word)) made[word] = value;
    else if (word === 'description') made[word] = String(value).replaceAll('*/', '* /');
    else if (word === '$ref' && String(value).startsWith('#')) made[word] = place + String(value).slice(1);
    else if (OF_SCHEMAS.includes(word) && Array.isArray(value)) made[word] = value.map(inner);
    else if (BY_NAME.includes(word)) {
      const members = Object.entries(value as Schema);
      made[word] = Object.fromEntries(members.map(([name, each]) => [name, inner(each)]));
    } else if (word === 'items' && given.prefixItems === undefined) made[word] = inner(value);
    else if (word === 'additionalProperties') made[word] = typeof value === 'boolean' ? value : inner(value);
  }
  if (Array.isArray(given.prefixItems)) tuple(made, given.prefixItems.map(inner), given.items);
  const isOpen = given.type === 'object' && given.properties === undefined;
  if (isOpen && given.additionalProperties === undefined) made.additionalProperties = true;
  return made;

  function tuple(target: Schema, items: Schema[], rest: unknown): void {
    target.items = items;
    target.minItems = items.length;
    target.additionalItems = rest === undefined || rest === false ? false : inner(rest);
    if (target.additionalItems === false) target.maxItems = items.length;
  }
}
