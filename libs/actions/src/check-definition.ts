import { ActionContract, RESERVED_ACTION_NAMES } from '@errand/contracts';
import { z } from 'zod';

/** Thrown for a definition that is not one. The message has a line for each mistake. */
export class BadDefinition extends Error {
  override name = 'BadDefinition';
  readonly code = 'bad_definition';
  readonly retryable = false;
}

/** Node's timers fire at once for anything longer. */
const MAX_MS = 2_147_483_647;
const ms = z.int().min(1).max(MAX_MS);
const { name, version, description, resource, accepts } = ActionContract.shape;
const schema = z.custom<z.ZodType>((value) => value instanceof z.ZodType, 'must be a zod schema');

const Definition = z.strictObject({
  name: name.refine((word) => !RESERVED_ACTION_NAMES.includes(word), {
    error: 'the API uses that word itself',
  }),
  version: version.optional(),
  description: description.optional(),
  resource: resource.refine(hasDistinctParameters, 'names a parameter twice').optional(),
  accepts: accepts.unwrap().optional(),
  input: schema,
  result: schema,
  retry: z
    .strictObject({
      maxAttempts: z.int().min(1).optional(),
      firstDelayMs: ms.optional(),
      maxDelayMs: ms.optional(),
    })
    .optional(),
  timeoutMs: ms.optional(),
  concurrency: z.int().min(1).max(10_000).optional(),
  thread: z.enum(['main', 'worker']).optional(),
  run: z.custom((value) => typeof value === 'function', 'must be a function'),
});

/**
 * Also for callers without types, who may hand over anything.
 * @throws BadDefinition
 */
export function assertDefinition(options: unknown): void {
  const parsed = Definition.safeParse(options);
  const mistakes = parsed.success
    ? schemaMistakes(parsed.data)
    : parsed.error.issues.map((issue) => describe(issue, options));
  if (mistakes.length === 0) return;
  const called = (options as { name?: unknown } | undefined)?.name;
  throw new BadDefinition(`action ${JSON.stringify(called) ?? 'without a name'}: ${mistakes.join('\n  ')}`);
}

/** The input as callers send it, the result as they read it. */
export function jsonSchemasOf(options: { input: z.ZodType; result: z.ZodType }): {
  input_schema: Record<string, unknown>;
  result_schema: Record<string, unknown>;
} {
  return {
    input_schema: z.toJSONSchema(options.input, { io: 'input' }),
    result_schema: z.toJSONSchema(options.result, { io: 'output' }),
  };
}

function schemaMistakes(options: { input: z.ZodType; result: z.ZodType }): string[] {
  const mistakes: string[] = [];
  for (const [member, io] of [
    ['input', 'input'],
    ['result', 'output'],
  ] as const) {
    try {
      const json = z.toJSONSchema(options[member], {
        io,
        override: ({ zodSchema }) => void mistakes.push(...flagMistakes(zodSchema, member)),
      });
      if (member === 'input') mistakes.push(...inputMistakes(json));
    } catch (error) {
      mistakes.push(`${member} cannot be told to callers as JSON Schema: ${(error as Error).message}`);
    }
  }
  return mistakes;
}

/** Of these a pattern of JSON Schema means the same without them. */
const TOLD_FLAGS = /[dgu]/g;

/** A pattern is told to callers without its flags, and would then refuse what the action takes, or the other way round. */
function flagMistakes(schema: z.core.$ZodType, member: string): string[] {
  const { checks = [] } = schema._zod.def;
  const patterns = [schema, ...checks].map(({ _zod }) => (_zod.def as { pattern?: unknown }).pattern);
  return patterns.flatMap((pattern) => {
    const lost = pattern instanceof RegExp ? pattern.flags.replaceAll(TOLD_FLAGS, '') : '';
    if (lost === '') return [];
    return [`${member} has the pattern ${pattern}, whose flag ${lost} JSON Schema has not: ${WITHOUT_FLAG}`];
  });
}

const WITHOUT_FLAG = 'write the pattern so that it needs none, such as [A-Za-z] for [a-z] with i';

/** A run's body is a JSON object, whose member `_job` is for the job's options. */
function inputMistakes(json: z.core.JSONSchema.BaseSchema): string[] {
  if (json.type !== undefined && json.type !== 'object') {
    return [`input must describe an object, since a run's body is one; this describes: ${json.type}`];
  }
  return Object.hasOwn(json.properties ?? {}, '_job')
    ? ['input may have no member _job: the API keeps the options of the job there']
    : [];
}

function describe(issue: z.core.$ZodIssue, options: unknown): string {
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = path === 'retry' ? RETRY_WORDS : WORDS;
    return `${issue.keys.join(', ')}: no such option${path && ` of ${path}`}; there are ${known.join(', ')}`;
  }
  if (path === '') return 'must be an object';
  const isMissing = issue.path.length === 1 && (options as Record<string, unknown>)[path] === undefined;
  return `${path} ${isMissing ? 'is missing' : issue.message}`;
}

const WORDS = Object.keys(Definition.shape);
const RETRY_WORDS = Object.keys(Definition.shape.retry.unwrap().shape);

function hasDistinctParameters(template: string): boolean {
  const names = template.match(/\{[^}]*\}/g) ?? [];
  return new Set(names).size === names.length;
}
