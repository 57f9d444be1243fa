import {
  ActionContract,
  CallbackTerms,
  HeaderName,
  MAX_TERMS,
  RESERVED_ACTION_NAMES,
} from '@errand/contracts';
import { z } from 'zod';

/** Thrown for an invalid definition. The message has a line for each mistake. */
export class BadDefinition extends Error {
  override name = 'BadDefinition';
  readonly code = 'bad_definition';
  readonly retryable = false;
}

/** Node's timers fire at once for anything longer. */
const MAX_MS = 2_147_483_647;
const ms = z.int().min(1).max(MAX_MS);
const { name, version, description, resource, accepts, concurrency_keys } = ActionContract.shape;
const { shape: terms } = CallbackTerms;
const schema = z.custom<z.ZodType>((value) => value instanceof z.ZodType, 'must be a zod schema');

const Definition = z.strictObject({
  name: name.refine((word) => !RESERVED_ACTION_NAMES.includes(word), {
    error: 'the API reserves this word',
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
  concurrencyKeys: concurrency_keys,
  thread: z.enum(['main', 'worker']).optional(),
  logs: z.enum(['nobody', 'caller']).optional(),
  callback: z
    .strictObject({
      result: terms.result.unwrap().optional(),
      failedWhen: terms.failed_when,
      error: terms.error,
      verify: z.strictObject({ header: HeaderName, hmacSha256: z.string().min(1) }).optional(),
      withinMs: ms.optional(),
      methods: terms.methods.unwrap().optional(),
    })
    .refine((callback) => Buffer.byteLength(JSON.stringify(callback)) <= MAX_TERMS, {
      error: `has more than ${MAX_TERMS} bytes as JSON, with its secret`,
    })
    .optional(),
  run: z.custom((value) => typeof value === 'function', 'must be a function'),
});

/**
 * Also checks callers without types, who may pass anything.
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

/** The schemas of the input as callers send it, and of the result as they read it. */
export function jsonSchemasOf(options: { input: z.ZodType; result: z.ZodType }): {
  input_schema: Record<string, unknown>;
  result_schema: Record<string, unknown>;
} {
  return {
    input_schema: z.toJSONSchema(options.input, { io: 'input', override: tellFormat }),
    result_schema: z.toJSONSchema(options.result, { io: 'output', override: tellFormat }),
  };
}

/** A local time has no offset, so it is no `date-time` of JSON Schema. Callers get its pattern instead. */
function tellFormat({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodTypes; jsonSchema: object }): void {
  const { checks = [] } = zodSchema._zod.def;
  const isLocal = [zodSchema, ...checks].some(({ _zod }) => (_zod.def as { local?: boolean }).local === true);
  if (isLocal) delete (jsonSchema as { format?: string }).format;
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
        override: ({ zodSchema }) => void mistakes.push(...textMistakes(zodSchema, member)),
      });
      if (member === 'input') mistakes.push(...inputMistakes(json));
    } catch (error) {
      mistakes.push(`${member} cannot be expressed as JSON Schema: ${(error as Error).message}`);
    }
  }
  return mistakes;
}

/** Flags without which a JSON Schema pattern means the same. */
const TOLD_FLAGS = /[dgu]/g;

interface TextCheck {
  readonly check?: string;
  readonly format?: string;
  readonly pattern?: unknown;
  readonly protocol?: RegExp;
  readonly hostname?: RegExp;
}

/** Mistakes by which callers would see another check of a text than the action runs. */
function textMistakes(schema: z.core.$ZodType, member: string): string[] {
  const { checks = [] } = schema._zod.def;
  const defs = [schema, ...checks].map(({ _zod }) => _zod.def as TextCheck);
  return defs.flatMap((def) => [
    ...flagMistakes(def.pattern, member),
    ...(member === 'input' ? formatMistakes(def) : []),
  ]);
}

/** JSON Schema carries a pattern without its flags, and would then refuse what the action accepts, or the reverse. */
function flagMistakes(pattern: unknown, member: string): string[] {
  const lost = pattern instanceof RegExp ? pattern.flags.replaceAll(TOLD_FLAGS, '') : '';
  if (lost === '') return [];
  return [`${member} has the pattern ${pattern}, but JSON Schema has no flag ${lost}: ${WITHOUT_FLAG}`];
}

/** A violation of a format that only the action checks would surface only after 202. */
function formatMistakes({ check, format, pattern, protocol, hostname }: TextCheck): string[] {
  if (check !== 'string_format' || pattern !== undefined) return [];
  if (format !== 'url') return [`input has the format ${format}, ${NOT_CARRIED}`];
  return protocol || hostname
    ? [`input restricts the protocol or host of a URL, ${NOT_CARRIED}, such as ${URL_PATTERN}`]
    : [];
}

const NOT_CARRIED = 'which JSON Schema cannot express: add a pattern instead';
const URL_PATTERN = 'z.url().regex(/^https?:\\/\\//)';

const WITHOUT_FLAG = 'write the pattern without it, such as [A-Za-z] for [a-z] with i';

/** A run's body is a JSON object; its member `_job` is reserved for the job's options. */
function inputMistakes(json: z.core.JSONSchema.BaseSchema): string[] {
  if (json.type !== undefined && json.type !== 'object') {
    return [`input must describe an object, since a run's body is one; this describes: ${json.type}`];
  }
  return Object.hasOwn(json.properties ?? {}, '_job')
    ? ['input must not have a member _job: the API keeps job options there']
    : [];
}

function describe(issue: z.core.$ZodIssue, options: unknown): string {
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = path === 'retry' ? RETRY_WORDS : path === 'callback' ? CALLBACK_WORDS : WORDS;
    return `${issue.keys.join(', ')}: no such option${path && ` of ${path}`}; allowed: ${known.join(', ')}`;
  }
  if (path === '') return 'must be an object';
  const isMissing = issue.path.length === 1 && (options as Record<string, unknown>)[path] === undefined;
  return `${path} ${isMissing ? 'is missing' : issue.message}`;
}

const WORDS = Object.keys(Definition.shape);
const CALLBACK_WORDS = Object.keys(Definition.shape.callback.unwrap().shape);
const RETRY_WORDS = Object.keys(Definition.shape.retry.unwrap().shape);

function hasDistinctParameters(template: string): boolean {
  const names = template.match(/\{[^}]*\}/g) ?? [];
  return new Set(names).size === names.length;
}
