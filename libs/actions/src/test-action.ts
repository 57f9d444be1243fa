import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { BadDefinition } from './check-definition.ts';
import type { Action, DefinedAction, ResourceParameters, ValueIssue } from './define-action.ts';
import { PermanentError } from './errors.ts';
import type { FileResult, OtherJob, ResultFile, SavedResult } from './result-file.ts';

export interface TestOptions {
  signal?: AbortSignal;
  /** Counts from 1, which it is unless told. */
  attempt?: number;
  metadata?: Record<string, string>;
  tenantId?: string;
  /** What the action reads of other jobs. Default: there are none. */
  readResult?: (jobId: string) => OtherJob;
}

/** What `run` returns: of a file, what `saveResult` gave. */
type ResultOf<Result extends z.ZodType> = Result extends typeof FileResult ? SavedResult : z.output<Result>;

/** Parameters are wanted where the resource has some. */
type TestArguments<Resource extends string> =
  unknown extends ResourceParameters<Resource>
    ? [options?: TestOptions]
    : [options: TestOptions & { resource: ResourceParameters<Resource> }];

export interface ProgressCall {
  percent: number;
  message?: string;
}

export interface TestFault {
  /** `action_failed` for an error that is no PermanentError. */
  code: string;
  message: string;
  details: unknown[];
  /** Whether the job would fail without another attempt. */
  permanent: boolean;
  /** What the action threw. */
  cause?: unknown;
}

/** A file that was saved, read to its end. */
export interface TestedFile {
  contentType: string;
  filename?: string;
  content: Uint8Array;
}

export type Tested<Result> = { progress: ProgressCall[]; logged: string[]; files: TestedFile[] } & (
  | { result: Result; error?: undefined }
  | { result?: undefined; error: TestFault }
);

/**
 * Runs an action once, as an executor does but without servers: between its input schema and its result schema, with
 * everything that it reports collected. Never rejects for what the action does. The action's timeout is not applied.
 * @throws BadDefinition for an action whose inputs no gateway could check
 */
export async function testAction<Resource extends string, Input extends z.ZodType, Result extends z.ZodType>(
  action: DefinedAction<Resource, Input, Result>,
  input: z.input<Input>,
  ...[options]: TestArguments<Resource>
): Promise<Tested<ResultOf<Result>>> {
  await assertServable(action);
  const progress: ProgressCall[] = [];
  const logged: string[] = [];
  const files = new Map<unknown, TestedFile>();
  const told = () => ({ progress, logged, files: [...files.values()] });
  const { resource = {} } = (options ?? {}) as { resource?: Record<string, string> };
  const parsed = action.input.safeParse(input);
  if (!parsed.success) return { ...told(), error: unfit('invalid_input', parsed.error.issues) };
  let returned: unknown;
  try {
    returned = await action.run({
      jobId: '00000000-0000-7000-8000-000000000000',
      tenantId: options?.tenantId ?? 'test',
      input: parsed.data,
      resource,
      metadata: options?.metadata ?? {},
      attempt: options?.attempt ?? 1,
      signal: options?.signal ?? new AbortController().signal,
      progress: (percent, message) =>
        void progress.push({ percent, ...(message === undefined ? {} : { message }) }),
      log: (message) => void logged.push(message),
      async saveResult(file) {
        const content = await contentOf(file);
        const saved = { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
        const { contentType, filename } = file;
        files.set(saved, { contentType, content, ...(filename === undefined ? {} : { filename }) });
        return saved;
      },
      readResult: async (jobId) => options?.readResult?.(jobId) ?? { kind: 'unknown' },
    });
  } catch (error) {
    return { ...told(), error: faultOf(error) };
  }
  if (action.returnsFile) {
    if (files.has(returned)) return { ...told(), result: returned as ResultOf<Result> };
    return {
      ...told(),
      error: unfit('invalid_result', [{ path: [], message: 'must be what saveResult returned' }]),
    };
  }
  const result = action.result.safeParse(returned);
  return result.success
    ? { ...told(), result: result.data as ResultOf<Result> }
    : { ...told(), error: unfit('invalid_result', result.error.issues) };
}

async function assertServable({ contract }: Action): Promise<void> {
  // Threads that run actions load this module too, and have no use for a compiler of schemas.
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

function unfit(code: string, issues: readonly ValueIssue[]): TestFault {
  const details = issues.map(({ path, message }) => ({ path: path.map(String).join('.'), message }));
  const message = details.map((detail) => `${detail.path}: ${detail.message}`).join('; ');
  return { code, message, details, permanent: true };
}

function faultOf(cause: unknown): TestFault {
  if (cause instanceof PermanentError) {
    const { code, message, details } = cause;
    return { code, message, details, permanent: true, cause };
  }
  const message = cause instanceof Error ? cause.message : String(cause);
  return { code: 'action_failed', message, details: [], permanent: false, cause };
}
