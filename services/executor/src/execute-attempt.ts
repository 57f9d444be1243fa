import {
  type Action,
  type Attempt,
  type OtherJob,
  PermanentError,
  type ResultFile,
  type ValueIssue,
} from '@errand/actions';
import {
  ContentType,
  FAULT_CODES,
  type FaultCode,
  FileName,
  type JobFault,
  type PayloadRef,
} from '@errand/contracts';

/** One attempt as plain data, so that it can cross into a worker thread. */
export interface AttemptOrder {
  readonly jobId: string;
  readonly tenantId: string;
  readonly input: unknown;
  readonly resource: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly attempt: number;
  readonly traceparent?: string | undefined;
}

export interface AttemptHooks {
  readonly signal: AbortSignal;
  progress(percent: number, message?: string): void;
  log(message: string, fields?: Record<string, unknown>): void;
  /** @throws PermanentError for a file that is too large */
  saveResult(file: ResultFile): Promise<PayloadRef>;
  readResult(jobId: string): Promise<OtherJob>;
}

export type AttemptOutcome =
  /** With a `resultRef` the result is a file that lies there. */
  | { kind: 'succeeded'; result?: unknown; resultRef?: PayloadRef }
  /**
   * `permanent` says that another attempt would fail in the same way. `cause` is for the executor's log only: it may
   * hold what a caller must not see.
   */
  | { kind: 'failed'; error: JobFault; permanent: boolean; cause?: string };

/** Runs an action once, between its input schema and its result schema. Never throws. */
export async function executeAttempt(
  action: Action,
  order: AttemptOrder,
  hooks: AttemptHooks,
): Promise<AttemptOutcome> {
  const input = action.input.safeParse(order.input);
  if (!input.success) return failed('invalid_input', detailsOf(input.error));
  // What was saved in this attempt: a ref of another one, or one that an action made up, is not here.
  const saved = new Map<unknown, PayloadRef>();
  const saveResult: Attempt<unknown, string>['saveResult'] = async (file) => {
    const ref = await hooks.saveResult(checkedFile(file));
    const result = { bytes: ref.bytes, sha256: ref.sha256 };
    saved.set(result, ref);
    return result;
  };
  let returned: unknown;
  try {
    returned = await action.run({ ...order, ...hooks, saveResult, input: input.data });
  } catch (error) {
    return faultOf(error);
  }
  if (action.returnsFile) {
    const resultRef = saved.get(returned);
    if (resultRef) return { kind: 'succeeded', resultRef };
    return failed('invalid_result', [{ detail: 'must be what saveResult returned' }]);
  }
  const result = action.result.safeParse(returned);
  if (!result.success) return failed('invalid_result', detailsOf(result.error));
  return { kind: 'succeeded', result: result.data };
}

/** @throws PermanentError */
function checkedFile(file: ResultFile): ResultFile {
  const { contentType, filename } = file;
  const isNamed = filename === undefined || FileName.safeParse(filename).success;
  if (isNamed && ContentType.safeParse(contentType).success) return file;
  const details = [{ content_type: contentType, filename }];
  throw new PermanentError('invalid_result', 'The file has a name or a type that it may not have.', details);
}

/** Faults of Errand's own that may pass by themselves. */
const PASSING: readonly FaultCode[] = ['action_failed', 'timed_out'];

export function failed(code: FaultCode, details?: unknown[], cause?: string): AttemptOutcome {
  const error = { code, message: FAULT_CODES[code], ...(details ? { details } : {}) };
  const permanent = !PASSING.includes(code);
  return { kind: 'failed', error, permanent, ...(cause === undefined ? {} : { cause }) };
}

function faultOf(error: unknown): AttemptOutcome {
  if (error instanceof PermanentError) {
    const { code, message, details } = error;
    return {
      kind: 'failed',
      permanent: true,
      error: {
        code: code.slice(0, 100) || 'action_failed',
        message: message.slice(0, 2_000),
        details: details.slice(0, 100),
      },
    };
  }
  return failed(
    'action_failed',
    undefined,
    error instanceof Error ? (error.stack ?? error.message) : String(error),
  );
}

function detailsOf(error: { issues: readonly ValueIssue[] }): unknown[] {
  return error.issues.slice(0, 100).map(({ path, code, message }) => ({
    pointer: `#${path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')}`,
    code,
    detail: message,
  }));
}
