import { type Action, type Attempt, PermanentError, type ValueIssue } from '@errand/actions';
import { FAULT_CODES, type FaultCode, type JobFault } from '@errand/contracts';

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
}

export type AttemptOutcome =
  | { kind: 'succeeded'; result: unknown }
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
  let returned: unknown;
  try {
    returned = await action.run({ ...order, ...hooks, input: input.data } as Attempt<unknown, string>);
  } catch (error) {
    return faultOf(error);
  }
  const result = action.result.safeParse(returned);
  if (!result.success) return failed('invalid_result', detailsOf(result.error));
  return { kind: 'succeeded', result: result.data };
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
