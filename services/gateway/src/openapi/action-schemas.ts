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
  const known = checked(contract);
  const input = embedSchema(runId, known.input);
  const isFile = isDeepStrictEqual(contract.result_schema, FILE_RESULT);
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

function checked(contract: ActionContract): CheckedContract {
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

/** The input's schema, changed to accept `_job` wherever it refuses members that it does not name. */
function withJobOptions(schema: Schema, components: Record<string, Schema>): Schema {
  return { ...opened(schema, components, 0), type: 'object' };
}

/** Keywords whose schemas are about the same value. */
const BRANCHES = ['if', 'then', 'else', 'not'];
const BRANCH_LISTS = ['allOf', 'anyOf', 'oneOf'];
const BRANCH_MAPS = ['dependentSchemas'];

function opened(schema: Schema, components: Record<string, Schema>, depth: number): Schema {
  if (depth > MAX_DEPTH) return schema;
  const branch = (each: unknown) =>
    typeof each === 'object' && each !== null ? opened(each as Schema, components, depth + 1) : each;
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
    changed.properties = { ...(rest.properties as Schema | undefined), _job: refTo('JobOptions') };
  }
  if (typeof rest.maxProperties === 'number') changed.maxProperties = rest.maxProperties + 1;
  if (rest.propertyNames !== undefined) {
    changed.propertyNames = { anyOf: [{ type: 'string', const: '_job' }, rest.propertyNames] };
  }
  if (rest.patternProperties) changed.patternProperties = withJob(rest.patternProperties as Schema);
  return changed;
}

function mapped(schemas: Schema, change: (schema: unknown) => unknown): Schema {
  return Object.fromEntries(Object.entries(schemas).map(([key, each]) => [key, change(each)]));
}

/** Whose name a pattern matches by chance may have its value as well. */
function withJob(patterns: Schema): Schema {
  const isJob = (pattern: string) => new RegExp(pattern, 'u').test('_job');
  return Object.fromEntries(
    Object.entries(patterns).map(([pattern, each]) => [
      pattern,
      isJob(pattern) ? { anyOf: [each, refTo('JobOptions')] } : each,
    ]),
  );
}
