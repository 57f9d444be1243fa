import type { ServerResponse } from 'node:http';

/** A request as the server saw it. */
export interface SeenRequest {
  readonly method: string;
  /** Below the tenant, with its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** Unix time in milliseconds. */
  readonly atMs: number;
  /** Whether the caller left before the answer was complete. */
  wasLeft: boolean;
}

/** Answers the request number `count`, which starts at 1. */
export type Script = (exchange: {
  readonly request: SeenRequest;
  readonly count: number;
  readonly response: ServerResponse;
}) => void | Promise<void>;

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'r-1', ...headers });
  response.end(JSON.stringify(body));
}

export function sendProblem(
  response: ServerResponse,
  status: number,
  code: string,
  headers: Record<string, string> = {},
): void {
  sendJson(response, status, { status, code, title: code, detail: `said ${code}`, instance: 'r-1' }, headers);
}
