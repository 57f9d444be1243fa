import type { ErrorObject } from 'ajv';

/*
 * Ajv reports what it tried as well as what is wrong. What is left here is one entry for each thing that the caller
 * has to change:
 *
 *   of a keyword that applies schemas      is kept
 *   anyOf, oneOf                           the errors of the branch that was meant, else the keyword's own
 *   propertyNames, contains                the keyword's own
 *   if                                     the errors of then or else
 */

/** Leaves out the errors that say nothing of their own. Wants errors of Ajv's verbose mode. */
export function withoutNoise(errors: readonly ErrorObject[]): ErrorObject[] {
  const dropped = new Set<ErrorObject>();
  // Inner unions come before the ones around them, so each is settled when an outer one weighs its branches.
  for (const error of errors) {
    if (dropped.has(error)) continue;
    if (error.keyword === 'if') dropped.add(error);
    if (error.keyword === 'propertyNames' || error.keyword === 'contains') {
      for (const inner of within(errors, error, [error.schemaPath])) dropped.add(inner);
    }
    if (error.keyword === 'anyOf' || error.keyword === 'oneOf') {
      const branches = branchesOf(errors, error).map((branch) =>
        branch.filter((inner) => !dropped.has(inner)),
      );
      const meant = meantBranch(branches, error.instancePath);
      for (const inner of branches.flat()) if (!meant?.includes(inner)) dropped.add(inner);
      if (meant || isExplained(errors, error, dropped)) dropped.add(error);
    }
  }
  return errors.filter((error) => !dropped.has(error));
}

/** The errors of each branch of a union. A branch that is a reference reports under the schema it refers to. */
function branchesOf(errors: readonly ErrorObject[], union: ErrorObject): ErrorObject[][] {
  const branches = Array.isArray(union.schema) ? (union.schema as ({ $ref?: unknown } | boolean)[]) : [];
  return branches.map((branch, index) => {
    const paths = [`${union.schemaPath}/${index}`];
    if (typeof branch === 'object' && typeof branch.$ref === 'string') paths.push(branch.$ref);
    return within(errors, union, paths);
  });
}

function within(errors: readonly ErrorObject[], outer: ErrorObject, schemaPaths: string[]): ErrorObject[] {
  return errors.filter(
    (error) =>
      error !== outer &&
      isUnder(error.instancePath, outer.instancePath) &&
      schemaPaths.some((path) => isUnder(error.schemaPath, path)),
  );
}

function isUnder(path: string, parent: string): boolean {
  return path.startsWith(parent) && (path.length === parent.length || path[parent.length] === '/');
}

/** Whether something inside the value is complained of: a schema that refers to itself reports without its branch. */
function isExplained(errors: readonly ErrorObject[], union: ErrorObject, dropped: Set<ErrorObject>): boolean {
  return errors.some(
    (error) => !dropped.has(error) && error.instancePath.startsWith(`${union.instancePath}/`),
  );
}

/**
 * The branch whose kind and tag the value has: the only one that complains neither of the value's own type nor of
 * a constant right below it, be it another one or missing. Undefined where none or several are left.
 */
function meantBranch(branches: ErrorObject[][], instancePath: string): ErrorObject[] | undefined {
  const candidates = branches.filter(
    (branch) => branch.length > 0 && !branch.some((error) => tellsOtherKind(error, instancePath)),
  );
  return candidates.length === 1 ? candidates[0] : undefined;
}

function tellsOtherKind(error: ErrorObject, instancePath: string): boolean {
  const depth = error.instancePath.slice(instancePath.length).split('/').length - 1;
  if (error.keyword === 'type' || error.keyword === 'enum') return depth === 0;
  if (error.keyword === 'required') return depth === 0 && isTag(error, error.params.missingProperty);
  return error.keyword === 'const' && depth <= 1;
}

/** Whether the schema that complains wants one certain value for the property. */
function isTag(error: ErrorObject, property: string): boolean {
  const properties = error.parentSchema?.properties as Record<string, { const?: unknown }> | undefined;
  return properties?.[property]?.const !== undefined;
}
