import { isDeepStrictEqual } from 'node:util';
import { type ActionContract, ResultLink } from '@errand/contracts';
import { schemaMistakes } from '@errand/json-schema';
import { z } from 'zod';
import { JobOptions } from '../runs/job-options.ts';
import { embedSchema } from './embed-schema.ts';
import { exampleOf } from './example.ts';
import { TENANT } from './parameters.ts';
import { named, refTo, type Schema } from './schemas.ts';

named('JobOptions', JobOptions);
named('ResultLink', ResultLink);

/** The result schema of an action whose result is a file. */
const FILE_RESULT = z.toJSONSchema(ResultLink);

/** What the document has of an action's contract. */
export interface ActionSchemas {
  readonly pascalName: string;
  /** Name of the component that is the body of a run. */
  readonly runId: string;
  /** Name of the component that is a summary with this action's results. */
  readonly summaryId: string;
  readonly components: Readonly<Record<string, Schema>>;
  readonly example: unknown;
}

/** `summary` is the schema of the summary of any job. */
export function actionSchemasOf(
  contract: ActionContract,
  { pascalName, summary }: { pascalName: string; summary: Schema },
): ActionSchemas {
  const [runId, resultId, summaryId] = [`${pascalName}Run`, `${pascalName}Result`, `${pascalName}Job`];
  const known = usableSchemas(contract);
  const input = embedSchema(runId, known.input);
  const isFile = isFileResult(contract);
  const result = isFile ? {} : embedSchema(resultId, known.result);
  const properties = {
    ...(summary.properties as Schema),
    action: { type: 'string', const: contract.name },
    results: isFile ? { type: 'null' } : { anyOf: [refTo(resultId), { type: 'null' }] },
  };
  return {
    pascalName,
    runId,
    summaryId,
    example: known.example,
    components: {
      ...input,
      ...result,
      [runId]: withJobOptions(input[runId] ?? {}, input),
      [summaryId]: { ...summary, properties },
    },
  };
}

/** Whether what an action makes is a file. */
export function isFileResult({ result_schema }: ActionContract): boolean {
  return isDeepStrictEqual(result_schema, FILE_RESULT);
}

/** The path of an action's resource in the document. No two of its parameters have the same name there. */
export function placeOf({ resource, name }: ActionContract): { path: string; parameters: string[] } {
  const parameters: string[] = [];
  const words = resource.split('/').filter((word) => word !== '');
  const path = words.map((word) => {
    if (!word.startsWith('{')) return `/${word}`;
    let parameter = word.slice(1, -1);
    while (parameter === 'tenant_id' || parameters.includes(parameter)) parameter = `resource_${parameter}`;
    parameters.push(parameter);
    return `/{${parameter}}`;
  });
  return { path: `${TENANT}${path.join('')}/${name}`, parameters };
}

interface CheckedContract {
  readonly input: Record<string, unknown>;
  readonly result: Record<string, unknown>;
  readonly example: unknown;
}

/** Compiling schemas takes tens of milliseconds, which another action's change need not cost again. */
const contracts = new WeakMap<ActionContract, CheckedContract>();

/** The schemas of an action, each of which is one that a reader can use. */
export function usableSchemas(contract: ActionContract): CheckedContract {
  let known = contracts.get(contract);
  if (!known) {
    const { input_schema: input, result_schema: result } = contract;
    known = { input: usable(input), result: usable(result), example: exampleOf(input) };
    contracts.set(contract, known);
  }
  return known;
}

/** A schema that is none says nothing. */
function usable(schema: Record<string, unknown>): Record<string, unknown> {
  return schemaMistakes(schema).length === 0 ? schema : { type: 'object' };
}

const MAX_DEPTH = 5;
const JOB_OPTIONS = { _job: refTo('JobOptions') };

/** The input's schema, changed to accept `_job` too. */
function withJobOptions(schema: Schema, components: Record<string, Schema>): Schema {
  return withMembers(schema, components, JOB_OPTIONS);
}

/**
 * The schema of an object, changed to accept further members wherever it refuses those that it does not name.
 * `components`: by the last word of references to them.
 */
export function withMembers(
  schema: Schema,
  components: Readonly<Record<string, Schema>>,
  members: Readonly<Record<string, Schema>>,
): Schema {
  return { ...opened(schema, { components, members }, 0), type: 'object' };
}

/** Keywords whose schemas are about the same value. */
const BRANCHES = ['if', 'then', 'else', 'not'];
const BRANCH_LISTS = ['allOf', 'anyOf', 'oneOf'];
const BRANCH_MAPS = ['dependentSchemas'];

interface Opening {
  readonly components: Readonly<Record<string, Schema>>;
  readonly members: Readonly<Record<string, Schema>>;
}

function opened(schema: Schema, opening: Opening, depth: number): Schema {
  if (depth > MAX_DEPTH) return schema;
  const { components, members } = opening;
  const branch = (each: unknown) =>
    typeof each === 'object' && each !== null ? opened(each as Schema, opening, depth + 1) : each;
  const { $ref, ...rest } = schema;
  const target = typeof $ref === 'string' ? components[$ref.slice($ref.lastIndexOf('/') + 1)] : undefined;
  const changed: Record<string, unknown> = { ...rest };
  for (const key of BRANCHES) if (key in rest) changed[key] = branch(rest[key]);
  for (const key of BRANCH_LISTS) if (Array.isArray(rest[key])) changed[key] = rest[key].map(branch);
  for (const key of BRANCH_MAPS) if (rest[key]) changed[key] = mapped(rest[key] as Schema, branch);
  if (target) changed.allOf = [branch(target), ...((changed.allOf as unknown[] | undefined) ?? [])];
  else if ($ref !== undefined) changed.$ref = $ref;
  const isClosed = rest.additionalProperties !== undefined || rest.unevaluatedProperties !== undefined;
  if (depth === 0 || isClosed) {
    changed.properties = { ...(rest.properties as Schema | undefined), ...members };
  }
  const names = Object.keys(members);
  if (typeof rest.maxProperties === 'number') changed.maxProperties = rest.maxProperties + names.length;
  if (rest.propertyNames !== undefined) {
    changed.propertyNames = { anyOf: [{ type: 'string', enum: names }, rest.propertyNames] };
  }
  if (rest.patternProperties)
    changed.patternProperties = withPatterns(rest.patternProperties as Schema, members);
  return changed;
}

function mapped(schemas: Schema, change: (schema: unknown) => unknown): Schema {
  return Object.fromEntries(Object.entries(schemas).map(([key, each]) => [key, change(each)]));
}

/** A member whose name a pattern matches by chance may have its value as well. */
function withPatterns(patterns: Schema, members: Opening['members']): Schema {
  return Object.fromEntries(
    Object.entries(patterns).map(([pattern, each]) => {
      const matches = new RegExp(pattern, 'u');
      const met = Object.entries(members).flatMap(([name, member]) => (matches.test(name) ? [member] : []));
      return [pattern, met.length > 0 ? { anyOf: [each, ...met] } : each];
    }),
  );
}
