/** Keywords whose values are data and contain no schema. */
const DATA_KEYWORDS = ['const', 'enum', 'default', 'examples', 'dependentRequired'];
/** Keywords whose values contain schemas under names that are not keywords. */
const NAMED_SCHEMAS = [
  'properties',
  'patternProperties',
  'dependentSchemas',
  'dependencies',
  '$defs',
  'definitions',
];

export interface PlacedSchema {
  readonly schema: Record<string, unknown>;
  /** Keys from the root. */
  readonly path: readonly string[];
}

/**
 * A schema and all schemas inside it, the outer one first. Values of an unknown keyword count as schemas too, since a
 * reference may lead there.
 */
export function* schemasIn(
  node: unknown,
  path: readonly string[] = [],
  areNamed = false,
): Generator<PlacedSchema> {
  if (typeof node !== 'object' || node === null) return;
  const isSchema = !areNamed && !Array.isArray(node);
  if (isSchema) yield { schema: node as Record<string, unknown>, path };
  for (const [key, value] of Object.entries(node)) {
    if (isSchema && DATA_KEYWORDS.includes(key)) continue;
    yield* schemasIn(value, [...path, key], isSchema && NAMED_SCHEMAS.includes(key));
  }
}
