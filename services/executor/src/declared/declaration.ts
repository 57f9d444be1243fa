import { ActionContract, CALLBACK_METHODS, Conditions, Mapping, Pointer } from '@errand/contracts';
import { z } from 'zod';

/*
 * What an actions.yaml may say. docs/actions-yaml is its reference for people:
 *
 *   actions:
 *     <name>:
 *       …                 what callers see, and how it is retried
 *       http:  { … }      either: the action is a call of an HTTP endpoint
 *       command: { … }    or: the action is a process
 */

/** Stands in a request for the URL at which the outside system is to call. */
export const CALLBACK_URL = '{{callback_url}}';

/** Node's timers hold no more. */
const seconds = z.number().min(0.001).max(2_147_483);
const status = z.int().min(300).max(599);
const bytes = z.int().min(1).max(67_108_864);
const jsonSchema = z.record(z.string(), z.unknown(), { error: 'must be a JSON Schema, which is a map' });

/** The endpoint answers with where its work is found, which is then asked for until it is done. */
const Poll = z.strictObject({
  /** A URL, whose `{/pointers}` point into the start's answer, or a pointer to where that has one. */
  url: z.string().min(1).max(2_000).optional(),
  /** Or `url`, and not both: the header of the start's answer that has it. */
  header: z.string().optional(),
  /** Each poll is three events of the log. */
  every_s: z.number().min(1).max(86_400).default(5),
  limit_s: seconds.min(1).default(3_600),
  done_when: Conditions.optional(),
  failed_when: Conditions.optional(),
  result: Mapping.default(''),
  cancel: z
    .strictObject({
      method: z.enum(['DELETE', 'POST', 'PUT', 'PATCH']).default('DELETE'),
      url: z.string().min(1).max(2_000).default('{operation}'),
    })
    .optional(),
});
export type Poll = z.infer<typeof Poll>;

/** The endpoint takes the work, and calls once when it is done. */
const Callback = z.strictObject({
  result: Mapping.default(''),
  failed_when: Conditions.optional(),
  /** The part of a call that callers see of a failure. */
  error: Mapping.optional(),
  /** How it is known that the endpoint has sent a call: the header has an HMAC of the body. */
  verify: z.strictObject({ header: z.string(), hmac_sha256: z.string().min(1) }).optional(),
  within_s: seconds.min(1).default(3_600),
  methods: z.array(z.enum(CALLBACK_METHODS)).min(1).default(['POST', 'PUT']),
  cancel: z
    .strictObject({
      method: z.enum(['DELETE', 'POST', 'PUT', 'PATCH']).default('DELETE'),
      /** `{/pointers}` point into the start's answer. */
      url: z.string().min(1).max(2_000),
    })
    .optional(),
});
export type Callback = z.infer<typeof Callback>;

const body = z.union(
  [z.literal(CALLBACK_URL), Pointer, z.record(z.string(), z.union([z.literal(CALLBACK_URL), Pointer]))],
  { error: `must be a JSON pointer such as /a/b, ${CALLBACK_URL}, or a map of names to these` },
);

const HttpCall = z.strictObject({
  method: z.enum(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']).default('POST'),
  url: z.string().min(1).max(2_000),
  /** In values of the path of the URL. */
  allow_slashes: z.boolean().default(false),
  headers: z.record(z.string(), z.string()).default({}),
  body: body.optional(),
  /** All of the answer, unless told. */
  response: Mapping.optional(),
  poll: Poll.optional(),
  /** Or `poll`, and not both. */
  callback: Callback.optional(),
  error_details: Pointer.optional(),
  retry_on: z.array(status).default([]),
  permanent: z.array(status).default([]),
  max_response_bytes: bytes.default(1_048_576),
});
export type HttpCall = z.infer<typeof HttpCall>;

/** What the system ends at the first NUL. */
const word = z.string().refine((text) => !text.includes('\0'), 'must not contain a NUL character');

const CommandCall = z.strictObject({
  argv: z
    .array(word, { error: 'must be a list of words; no shell splits them' })
    .min(1)
    .refine(([program]) => program?.trim() !== '', { path: [0], error: 'must name a program' }),
  cwd: word.default('.'),
  env: z.array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of a variable')).default([]),
  permanent_exit_code: z.int().min(1).max(255).default(65),
  max_output_bytes: bytes.default(1_048_576),
  kill_grace_s: z.number().min(0).max(60).default(2),
});
export type CommandCall = z.infer<typeof CommandCall>;

export const Declaration = z.strictObject({
  // Numbers have come as they are written.
  version: z
    .string({ error: 'must be a word or a number, in quotes where YAML takes it for something else' })
    .pipe(ActionContract.shape.version)
    .default('1'),
  description: ActionContract.shape.description.default(''),
  resource: ActionContract.shape.resource.default(''),
  accepts: ActionContract.shape.accepts,
  input: jsonSchema.default({ type: 'object' }),
  result: jsonSchema.default({}),
  timeout_s: seconds.default(600),
  concurrency: z.int().min(1).max(10_000).optional(),
  concurrency_keys: ActionContract.shape.concurrency_keys,
  /** Who may read what is logged, beside operators. */
  logs: z.enum(['nobody', 'caller']).default('nobody'),
  retry: z
    .strictObject({
      max_attempts: z.int().min(1).default(3),
      first_delay_s: seconds.default(1),
      max_delay_s: seconds.default(300),
    })
    .prefault({}),
  /** Or `command`, and not both. */
  http: HttpCall.optional(),
  command: CommandCall.optional(),
});
export type Declaration = z.infer<typeof Declaration>;

/** A file, whose actions are declarations. */
export const Declarations = z.strictObject({ actions: z.record(z.string(), z.unknown()) });
