import { randomUUID } from 'node:crypto';
import type { InputError, Problem } from '@errand/contracts';

const PROBLEMS = {
  invalid_json: { status: 400, title: 'Not JSON' },
  unauthorized: { status: 401, title: 'Unauthorized' },
  forbidden: { status: 403, title: 'Forbidden' },
  unknown_route: { status: 404, title: 'Not found' },
  unknown_action: { status: 404, title: 'Not found' },
  action_refused: { status: 409, title: 'Conflict' },
  contract_replaced: { status: 409, title: 'Conflict' },
  attempt_over: { status: 409, title: 'Conflict' },
  too_large: { status: 413, title: 'Content too large' },
  invalid_request: { status: 422, title: 'Invalid request' },
  invalid_result: { status: 422, title: 'Invalid result' },
  unavailable: { status: 503, title: 'Unavailable' },
} as const;

/** Refuses a worker's request. */
export class WorkerRefusal extends Error {
  override name = 'WorkerRefusal';
  readonly code: keyof typeof PROBLEMS;
  readonly errors: readonly InputError[] | undefined;

  constructor(code: keyof typeof PROBLEMS, detail: string, errors?: readonly InputError[]) {
    super(detail);
    this.code = code;
    this.errors = errors;
  }

  answer(): Response {
    const { status, title } = PROBLEMS[this.code];
    const problem: Problem = {
      type: `urn:errand:problem:${this.code}`,
      title,
      status,
      code: this.code,
      detail: this.message,
      instance: `urn:uuid:${randomUUID()}`,
      ...(this.errors === undefined ? {} : { errors: [...this.errors] }),
    };
    const headers = { 'content-type': 'application/problem+json', 'cache-control': 'no-store' };
    return Response.json(problem, { status, headers });
  }
}
