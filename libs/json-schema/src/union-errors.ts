import type { ErrorObject } from 'ajv';

/*
 * Ajv reports what it tried as well as what is wrong. This leaves one entry for each thing that the caller
 * has to change:
 *
 *   keyword that applies schemas           what is kept
 *   anyOf, oneOf                           the errors of the branch that was meant, else the keyword's own
 *   propertyNames, contains                the keyword's own
 *   if                                     the errors of then or else
 *   $ref                                   the errors of the schema that it refers to
 *
 * Errors come after those of what is inside them. So a keyword's own error covers the end of what has been kept so far,
 * as far as schemas below the keyword reported it.
 */

/** More than is ever reported for one value, so there is no need to keep more. */
const MAX_REFERRED = 100;

/** The final errors of one keyword. */
interface Said {
  readonly errors: readonly ErrorObject[];
  /** The place of the keyword in the schema. */
  readonly by: string;
  /** The value that it is about; the errors are there or inside. */
  readonly about: string;
}

/** Leaves out errors that add nothing. Needs errors of Ajv's verbose mode, with references inside. */
export function withoutNoise(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  return settle(errors, new Map());
}

type Settled = Map<readonly ErrorObject[], readonly ErrorObject[]>;

function settle(all: readonly ErrorObject[], settled: Settled): readonly ErrorObject[] {
  const known = settled.get(all);
  if (known) return known;
  const said: Said[] = [];
  for (const error of all) {
    const { keyword, schemaPath: by, instancePath: about } = error;
    if (keyword === 'if') continue;
    if (keyword === '$ref') {
      const errors = settle(error.params.errors as ErrorObject[], settled);
      said.push({ errors: errors.slice(0, MAX_REFERRED), by, about });
    } else if (keyword === 'anyOf' || keyword === 'oneOf') {
      said.push({ errors: meantBranch(takeInner(said, by), error) ?? [error], by, about });
    } else {
      if (keyword === 'propertyNames' || keyword === 'contains') takeInner(said, by);
      said.push({ errors: [error], by, about });
    }
  }
  const kept = said.flatMap(({ errors }) => errors);
  settled.set(all, kept);
  return kept;
}

/** Removes and returns what was reported below a keyword, in order. */
function takeInner(said: Said[], keywordPath: string): Said[] {
  const prefix = `${keywordPath}/`;
  const start = said.findLastIndex(({ by }) => !by.startsWith(prefix)) + 1;
  return said.splice(start);
}

/**
 * The errors of the branch whose kind and tag the value has: the only one that complains neither of the value's own
 * type nor of a constant right below it, whether different or missing. Undefined if none or several are left, and if
 * too many branches are right.
 */
function meantBranch(inner: readonly Said[], union: ErrorObject): readonly ErrorObject[] | undefined {
  if (union.keyword === 'oneOf' && union.params.passingSchemas !== null) return undefined;
  const branches = Map.groupBy(inner, ({ by }) => by.slice(union.schemaPath.length + 1).split('/', 1)[0]);
  const candidates = [...branches.values()].filter(
    (branch) => !branch.some((each) => tellsKind(each, union)),
  );
  return candidates.length === 1 ? candidates[0]?.flatMap(({ errors }) => errors) : undefined;
}

/** Whether an error says that the value is of another kind than a branch is for. */
function tellsKind({ errors, about }: Said, { instancePath }: ErrorObject): boolean {
  return !isFurtherIn(about, instancePath) && errors.some((error) => isOfKind(error, instancePath));
}

function isOfKind(error: ErrorObject, unionPath: string): boolean {
  const { keyword, instancePath } = error;
  const isHere = instancePath.length === unionPath.length;
  if (keyword === 'type' || keyword === 'enum') return isHere;
  if (keyword === 'required') return isHere && isTag(error, error.params.missingProperty);
  return keyword === 'const' && !isFurtherIn(instancePath, unionPath);
}

/** Whether a place is neither the outer one nor right below it. */
function isFurtherIn(path: string, outer: string): boolean {
  return path.length > outer.length && path.includes('/', outer.length + 1);
}

/** Whether the complaining schema requires one certain value for the property. */
function isTag(error: ErrorObject, property: string): boolean {
  const properties = error.parentSchema?.properties as Record<string, { const?: unknown }> | undefined;
  return properties?.[property]?.const !== undefined;
}
