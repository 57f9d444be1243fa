import { createHash } from 'node:crypto';
import type { PayloadRef } from '@errand/contracts';
import type { z } from 'zod';
import { BadDefinition } from './check-definition.ts';
import type { Action, DefinedAction, ResourceParameters } from './define-action.ts';
import { type AttemptOutcome, executeAttempt } from './execute-attempt.ts';
import type { FileResult, OtherJob, ResultFile, SavedResult } from './result-file.ts';

export interface TestOptions {
  signal?: AbortSignal;
  /** Counts from 1. Default 1. */
  attempt?: number;
  metadata?: Record<string, string>;
  tenantId?: string;
  /** W3C trace context of the request. */
  traceparent?: string;
  /** What the action reads of other jobs. Default: there are none. */
  readResult?: (jobId: string) => OtherJob;
}

/** What `run` returns: for a file, the value of `saveResult`. */
type ResultOf<Result extends z.ZodType> = Result extends typeof FileResult ? SavedResult : z.output<Result>;

/** Parameters are required if the resource has some. */
type TestArguments<Resource extends string> =
  unknown extends ResourceParameters<Resource>
    ? [options?: TestOptions]
    : [options: TestOptions & { resource: ResourceParameters<Resource> }];

export interface ProgressCall {
  percent: number;
  message?: string;
}

export interface TestFault {
  /** `action_failed` for an error that is not a PermanentError. */
  code: string;
  /** As the job's caller reads it. */
  message: string;
  details: unknown[];
  /** Whether the job would fail without another attempt. */
  permanent: boolean;
  /** The true reason, which in production only the log has: what was thrown, or why the result is invalid, in words. */
  cause?: unknown;
}

/** A file that was saved, read to its end. */
export interface TestedFile {
  contentType: string;
  filename?: string;
  content: Uint8Array;
}

export interface LogCall {
  message: string;
  fields?: Record<string, unknown>;
}

/** `deferred`: what `defer` was given, of an action that waits for a call at TEST_CALLBACK_URL. */
export type Tested<Result> = {
  progress: ProgressCall[];
  logged: LogCall[];
  outputs: unknown[];
  files: TestedFile[];
} & (
  | { result: Result; error?: undefined; deferred?: undefined }
  | { result?: undefined; error: TestFault; deferred?: undefined }
  | { result?: undefined; error?: undefined; deferred: { withinMs: number } }
);

/** What `callbackUrl` gives in tests. */
export const TEST_CALLBACK_URL = 'https://errand.example/callbacks/test';

/**
 * Runs an action once, as an executor does but without servers: input and result pass through JSON and their schemas,
 * and everything that it reports is collected. Never rejects for what the action does. The action's timeout is not
 * applied.
 * @throws BadDefinition for an action whose inputs no gateway could check; TypeError for an input that JSON cannot hold
 */
export async function testAction<Resource extends string, Input extends z.ZodType, Result extends z.ZodType>(
  action: DefinedAction<Resource, Input, Result>,
  input: z.input<Input>,
  ...[options]: TestArguments<Resource>
): Promise<Tested<ResultOf<Result>>> {
  await assertServable(action);
  const progress: ProgressCall[] = [];
  const logged: LogCall[] = [];
  const outputs: unknown[] = [];
  const files: TestedFile[] = [];
  const { resource = {} } = (options ?? {}) as { resource?: Record<string, string> };
  const jobId = '00000000-0000-7000-8000-000000000000';
  const order = {
    jobId,
    tenantId: options?.tenantId ?? 'test',
    input: fromJson(JSON.stringify(input)),
    resource,
    metadata: options?.metadata ?? {},
    attempt: options?.attempt ?? 1,
    traceparent: options?.traceparent,
  };
  const watched = watchThrows(action);
  const outcome = await executeAttempt(watched.action, order, {
    signal: options?.signal ?? new AbortController().signal,
    progress: (percent, message) =>
      void progress.push({ percent, ...(message === undefined ? {} : { message }) }),
    log: (message, fields) => void logged.push({ message, ...(fields === undefined ? {} : { fields }) }),
    output: (json) => void outputs.push(JSON.parse(json)),
    async saveResult(file) {
      const content = await contentOf(file);
      const { contentType, filename } = file;
      files.push({ contentType, content, ...(filename === undefined ? {} : { filename }) });
      return refOf(content, contentType);
    },
    readResult: async (id) => options?.readResult?.(id) ?? { kind: 'unknown' },
    callbackUrl: async () => TEST_CALLBACK_URL,
  });
  const told = { progress, logged, outputs, files };
  if (outcome.kind === 'awaits_call') {
    return { ...told, deferred: { withinMs: outcome.withinMs ?? action.callback.withinMs } };
  }
  if (outcome.kind === 'deferred') throw new TypeError('an action of code cannot defer');
  return outcome.kind === 'succeeded'
    ? { ...told, result: resultOf(outcome) as ResultOf<Result> }
    : { ...told, error: faultOf(outcome, watched.thrown()) };
}

/** The same action, and what it threw. */
function watchThrows(action: Action): { action: Action; thrown: () => { error: unknown } | undefined } {
  let thrown: { error: unknown } | undefined;
  async function run(attempt: Parameters<Action['run']>[0]): Promise<unknown> {
    try {
      return await action.run(attempt);
    } catch (error) {
      thrown = { error };
      throw error;
    }
  }
  return { action: { ...action, run }, thrown: () => thrown };
}

async function assertServable({ contract }: Action): Promise<void> {
  // Worker threads that run actions load this module too, and do not need a schema compiler.
  const { schemaMistakes } = await import('@errand/json-schema');
  const mistakes = schemaMistakes(contract.input_schema);
  if (mistakes.length === 0) return;
  const told = mistakes.map(({ path, detail }) => `input_schema / ${[...path, detail].join(' / ')}`);
  throw new BadDefinition(`action "${contract.name}": no gateway can check its inputs: ${told.join('\n  ')}`);
}

async function contentOf({ body }: ResultFile): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

function refOf(content: Uint8Array, contentType: string): PayloadRef {
  const sha256 = createHash('sha256').update(content).digest('hex');
  return { bucket: 'test', key: 'test', bytes: content.length, sha256, content_type: contentType };
}

function resultOf({ json, resultRef }: AttemptOutcome & { kind: 'succeeded' }): unknown {
  return resultRef ? { bytes: resultRef.bytes, sha256: resultRef.sha256 } : fromJson(json);
}

function fromJson(json: string | undefined): unknown {
  return json === undefined ? undefined : JSON.parse(json);
}

function faultOf(
  { error, permanent, cause }: AttemptOutcome & { kind: 'failed' },
  thrown: { error: unknown } | undefined,
): TestFault {
  const { code, message, details = [] } = error;
  return { code, message, details, permanent, cause: thrown ? thrown.error : cause };
}
