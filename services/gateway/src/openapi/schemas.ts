import { z } from 'zod';
import { COMPONENT_NAMES, type ComponentName } from './component-names.ts';

/** A JSON Schema 2020-12, as OpenAPI 3.1 takes it. */
export type Schema = Readonly<Record<string, unknown>>;

/*
 * Schemas are gathered while the document's parts are loaded and written all at once, since each has to know which of
 * the others have names. One without a name is referred to by a number until then.
 */
const registry = z.registry<{ id: string }>();
let unnamed = 0;

/** Gives a schema a name in the document, by which all others that hold it refer to it. */
export function named<T extends z.ZodType>(id: ComponentName, schema: T): T {
  const name = registry.get(schema)?.id;
  if (name !== undefined && name !== id) throw new Error(`${id} is in the document as ${name}`);
  if (name === undefined) registry.add(schema, { id });
  return schema;
}

/** A schema as the document has it where it is used: a reference if it has a name, else all of it, once it is written. */
export function schemaOf(schema: z.ZodType): Schema {
  const name = registry.get(schema)?.id;
  if (name !== undefined) return refTo(name);
  if (known) throw new Error('the schemas of the document have been written');
  unnamed += 1;
  const id = `(${unnamed})`;
  registry.add(schema, { id });
  return refTo(id);
}

export function refTo(id: string): Schema {
  return { $ref: PREFIX + id };
}

const PREFIX = '#/components/schemas/';

interface WrittenSchemas {
  readonly components: Record<string, Schema>;
  readonly inlined: <T>(value: T) => T;
}

/** The schemas that have names, by these, and a function that puts those that have none where they are referred to. */
export function writeSchemas(): WrittenSchemas {
  known ??= write();
  return known;
}

let known: WrittenSchemas | undefined;

function write(): WrittenSchemas {
  const { schemas } = z.toJSONSchema(registry, {
    // Also for answers, which are open: members can be added to them.
    io: 'input',
    unrepresentable: 'any',
    uri: (id) => PREFIX + id,
    override: ({ zodSchema, jsonSchema }) => tidy(zodSchema, jsonSchema),
  });
  const written = new Map(
    Object.entries(schemas).map(([id, { $schema: _, $id: __, ...schema }]) => [id, schema as Schema]),
  );
  const inlined = <T>(value: T): T => {
    if (Array.isArray(value)) return value.map(inlined) as T;
    if (typeof value !== 'object' || value === null) return value;
    const { $ref } = value as { $ref?: unknown };
    const id = typeof $ref === 'string' && $ref.startsWith(`${PREFIX}(`) && $ref.slice(PREFIX.length);
    if (id !== false) return inlined(written.get(id)) as T;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, inlined(each)])) as T;
  };
  // Which module is loaded first does not matter.
  const components = COMPONENT_NAMES.map((id) => [id, written.get(id)]);
  return { components: inlined(Object.fromEntries(components)), inlined };
}

/** Leaves out what says nothing to a reader. */
function tidy(zodSchema: z.core.$ZodTypes, jsonSchema: z.core.JSONSchema.BaseSchema): void {
  if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
  // A slash needs a backslash in a literal of JavaScript only.
  if (jsonSchema.pattern)
    jsonSchema.pattern = jsonSchema.pattern.replaceAll(/\\(.)/gs, (escaped, of) =>
      of === '/' ? of : escaped,
    );
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  const names = jsonSchema.propertyNames;
  if (typeof names === 'object' && Object.keys(names).length === 1 && names.type === 'string') {
    delete jsonSchema.propertyNames;
  }
  // A member that is known only to be refused.
  if (zodSchema._zod.def.type === 'custom') jsonSchema.not = {};
}
