import type { ActionContract, CallbackMethod, CallbackTerms, Conditions, Mapping } from '@errand/contracts';
import type { z } from 'zod';
import { assertDefinition, jsonSchemasOf } from './check-definition.ts';
import { contractIdOf } from './contract-id.ts';
import { defaultConcurrency } from './default-concurrency.ts';
import { type BegunAttempt, type CallbackDeferral, callbackOf } from './operation.ts';
import { FileResult, type OtherJob, type ResultFile, type SavedResult } from './result-file.ts';

/** The path parameters of a resource such as `designs/{design_id}`, as a type. */
export type ResourceParameters<R extends string> = R extends `${string}{${infer Name}}${infer Rest}`
  ? { readonly [K in Name]: string } & ResourceParameters<Rest>
  : unknown;

/** What an action is given for one attempt. */
export interface Attempt<Input, Resource extends string> {
  readonly jobId: string;
  readonly tenantId: string;
  readonly input: Input;
  readonly resource: ResourceParameters<Resource>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Counts from 1. An attempt that a stopping executor hands over starts anew elsewhere, under its number. */
  readonly attempt: number;
  /** The caller's W3C trace context, to be forwarded to whatever this attempt calls. */
  readonly traceparent?: string | undefined;
  /**
   * Aborted when nobody waits for this attempt any longer: it timed out, its job was canceled, expired or is run
   * elsewhere, or the process stops. Whatever is returned after that is thrown away.
   */
  readonly signal: AbortSignal;
  /** Tells callers how far the work is: 0-100. Calls in quick succession are merged. */
  progress(percent: number, message?: string): void;
  /** Writes a line to the executor's log, with the job's ids, and to the job's log, if callers may read it (`logs`). */
  log(message: string, fields?: Record<string, unknown>): void;
  /**
   * Tells callers of a part of the result, which they read in the job's log: any JSON value of at most 32 KiB.
   * @throws PermanentError invalid_output, output_too_large
   */
  output(value: unknown): void;
  /**
   * Stores a file, which becomes the job's result when `run` returns what this resolves to.
   * @throws PermanentError result_too_large; ResultNotStored; another attempt may succeed
   */
  saveResult(file: ResultFile): Promise<SavedResult>;
  /**
   * Reads the result of another job of the same tenant.
   * @throws when the log does not answer; another attempt may succeed
   */
  readResult(jobId: string): Promise<OtherJob>;
  /**
   * The URL at which an outside system ends this attempt, if `run` returns `defer()`: the same one each time. It is a
   * secret, to be told to that system alone.
   * @throws CallbackUnavailable when no gateway answers; another attempt may succeed
   */
  callbackUrl(): Promise<string>;
}

/** What `run` returns, by its result schema; or that it leaves the result to a call. */
type Returned<Result extends z.ZodType> =
  | (Result extends typeof FileResult ? SavedResult : z.input<Result>)
  | CallbackDeferral;

/** How the call is judged that ends an attempt of which `run` has returned `defer()`. */
export interface CallbackOptions {
  /** The part of the body that is the result: a JSON pointer, or a map of names to pointers. Default: all of it. */
  result?: Mapping;
  /** When a call means that the work has failed: pointers, each with its values. The job fails with `operation_failed`. */
  failedWhen?: Conditions;
  /** The part of such a body that callers see. */
  error?: Mapping;
  /** The header with the HMAC-SHA-256 of the body, in hex or base64, and the secret that the sender signs with. */
  verify?: { header: string; hmacSha256: string };
  /** How long the call may take to come, in milliseconds. Default 3,600,000. */
  withinMs?: number;
  /** Default POST and PUT. With GET, the parameters of the query are the body. */
  methods?: CallbackMethod[];
}

export interface ActionOptions<Resource extends string, Input extends z.ZodType, Result extends z.ZodType> {
  /** snake_case; the last path word before `/run`. */
  name: string;
  /** Raised by the author when the meaning of inputs or results changes. Default `1`. */
  version?: string;
  description?: string;
  /** The path under the tenant, such as `designs/{design_id}`. Default: none, an action of the tenant. */
  resource?: Resource;
  /**
   * Contract ids of earlier versions whose jobs this one runs too, at most 16: their inputs fit `input`, and what `run`
   * returns fits their result schemas. Without it their jobs are left to executors of those versions.
   */
  accepts?: string[];
  input: Input;
  /** FileResult for an action that returns the value of `saveResult`. */
  result: Result;
  /**
   * `maxAttempts` counts all attempts that fail or whose executor dies, including the first (default 3). The wait
   * before the second attempt is `firstDelayMs` (default 1,000), each later one twice the one before, at most
   * `maxDelayMs` (default 300,000); each is shortened at random by up to a half.
   */
  retry?: { maxAttempts?: number; firstDelayMs?: number; maxDelayMs?: number };
  /** For one attempt. Default 600,000. */
  timeoutMs?: number;
  /**
   * At most three members of the input of whose each value a tenant may have `limit` jobs running at a time, such as
   * `{ name: 'account', pointer: '/account_id', limit: 1 }`; others wait for their turn. A caller may set another value.
   */
  concurrencyKeys?: { name: string; pointer: string; limit: number }[];
  /** Concurrent attempts of this action in one executor. Default 16, or in worker threads one per core. */
  concurrency?: number;
  /**
   * `worker` runs attempts in worker threads: for CPU-bound work, which would otherwise keep the executor from telling
   * the log that it is alive. Default `main`.
   */
  thread?: 'main' | 'worker';
  /** Who may read what attempts `log`, beside the executor's operators. Default `nobody`. */
  logs?: 'nobody' | 'caller';
  /** For actions that return `defer()`. */
  callback?: CallbackOptions;
  run(attempt: Attempt<z.output<Input>, Resource>): Promise<Returned<Result>> | Returned<Result>;
}

/** Says what is wrong with a value. Every zod schema is one. */
export interface ValueSchema {
  safeParse(value: unknown): CheckedValue;
  /** Absent if no check is asynchronous. */
  safeParseAsync?(value: unknown): Promise<CheckedValue>;
}

type CheckedValue =
  | { success: true; data: unknown }
  | { success: false; error: { issues: readonly ValueIssue[] } };

export interface ValueIssue {
  readonly path: readonly PropertyKey[];
  readonly code?: string | undefined;
  readonly message: string;
}

export interface Action {
  readonly contract: ActionContract;
  readonly retry: {
    readonly maxAttempts: number;
    readonly firstDelayMs: number;
    readonly maxDelayMs: number;
  };
  readonly concurrency: number;
  readonly thread: 'main' | 'worker';
  readonly logs: 'nobody' | 'caller';
  readonly input: ValueSchema;
  readonly result: ValueSchema;
  /** Whether `run` returns the value of `saveResult`, rather than a value of `result`. */
  readonly returnsFile: boolean;
  /** Of attempts that wait for a call. A function, so that the secret is in no text of the action. Milliseconds. */
  readonly callback: { readonly terms: () => CallbackTerms; readonly withinMs: number };
  readonly run: (attempt: BegunAttempt) => Promise<unknown>;
  /** Tells the outside system that nobody waits for an operation any longer. Absent if `run` never defers. */
  readonly cancelOperation?: (attempt: BegunAttempt, address: string) => Promise<void>;
}

/** An action that still knows the types it was defined with. */
export interface DefinedAction<Resource extends string, Input extends z.ZodType, Result extends z.ZodType>
  extends Action {
  readonly contract: ActionContract & { readonly resource: Resource };
  readonly input: Input;
  readonly result: Result;
}

/**
 * Describes an action: what it takes, what it gives, how it runs.
 * @throws BadDefinition at once, naming everything that is wrong with it.
 */
export function defineAction<
  const Resource extends string = '',
  Input extends z.ZodType = z.ZodType,
  Result extends z.ZodType = z.ZodType,
>(options: ActionOptions<Resource, Input, Result>): DefinedAction<Resource, Input, Result> {
  assertDefinition(options);
  const { name, version = '1', description = '', resource = '' as Resource, accepts = [] } = options;
  const schemas = jsonSchemasOf(options);
  const { thread = 'main' } = options;
  const { maxAttempts = 3, firstDelayMs = 1_000, maxDelayMs = 300_000 } = options.retry ?? {};
  return {
    contract: {
      name,
      contract_id: contractIdOf({ resource, ...schemas }),
      accepts,
      version,
      description,
      resource,
      ...schemas,
      ...(options.concurrencyKeys === undefined ? {} : { concurrency_keys: options.concurrencyKeys }),
      max_attempts: maxAttempts,
      timeout_ms: options.timeoutMs ?? 600_000,
    },
    retry: { maxAttempts, firstDelayMs, maxDelayMs },
    concurrency: options.concurrency ?? defaultConcurrency(thread === 'worker' ? 'on_cores' : 'in_process'),
    thread,
    logs: options.logs ?? 'nobody',
    input: options.input,
    result: options.result,
    returnsFile: Object.is(options.result, FileResult),
    callback: callbackOf(options.callback),
    // The executor parses the input with this action's own schema before it calls.
    run: async (attempt) => options.run(attempt as Attempt<z.output<Input>, Resource>),
  };
}
