import { ErrandError } from '@errand/client';
import { CannotRun } from '../cannot-run.ts';
import { plain } from './text.ts';

/*
 * Exit codes of commands, for scripts. `verify`, `audit` and `projection` end with 0, 1 and 2 only: whatever keeps them
 * from checking is 2.
 */

export const EXIT_CODES = {
  0: 'success',
  1: 'the job did not succeed, or a check found a problem',
  2: 'could not run: wrong usage, missing settings, refused key, no answer',
  3: 'the API refused the request',
  4: 'not found, or no longer kept',
  5: 'the wait timed out; the job continues',
  130: 'interrupted; the job continues',
} as const;

export type ExitCode = keyof typeof EXIT_CODES;

/** A command that ends other than by its answer. `lines` are for people. */
export class CommandFailed extends Error {
  override name = 'CommandFailed';
  readonly code = 'command_failed';
  readonly retryable = false;
  readonly exitCode: ExitCode;
  readonly lines: readonly string[];

  constructor(exitCode: ExitCode, lines: readonly string[], cause?: unknown) {
    super(lines[0], { cause });
    this.exitCode = exitCode;
    this.lines = lines;
  }
}

/** The exit code for a refused or unanswered call. */
export function exitCodeOf({ code, status }: ErrandError): ExitCode {
  if (code === 'wait_timeout') return 5;
  if (code === 'no_result') return 1;
  if (status === 404 || status === 410) return 4;
  const isRefusal = status !== undefined && [400, 409, 413, 415, 422].includes(status);
  return isRefusal ? 3 : 2;
}

/** The exit code of a failure and its message; undefined for a bug. */
export function failureOf(
  error: unknown,
): { exitCode: ExitCode; lines: readonly string[]; json: object } | undefined {
  if (error instanceof ErrandError) {
    const { code, status, detail, errors, requestId } = error;
    const lines = [detail, ...errors.map(inputErrorLine)];
    const json = { code, status, detail, errors, request_id: requestId };
    return { exitCode: exitCodeOf(error), lines, json };
  }
  if (error instanceof CommandFailed) {
    const { exitCode, lines, cause } = error;
    const told = cause instanceof ErrandError ? failureOf(cause)?.json : undefined;
    const json = { code: error.code, ...told, detail: lines.join('\n') };
    return { exitCode, lines, json };
  }
  if (error instanceof CannotRun) {
    return { exitCode: 2, lines: [error.message], json: { code: error.code, detail: error.message } };
  }
  return undefined;
}

/** Where an input is wrong and why, in one line. */
export function inputErrorLine(error: {
  readonly pointer?: string | undefined;
  readonly parameter?: string | undefined;
  readonly code: string;
  readonly detail: string;
}): string {
  return plain(`  ${error.pointer ?? error.parameter ?? ''}  ${error.detail} (${error.code})`);
}
