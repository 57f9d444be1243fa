import { busy, type Ctx } from './request-log.ts';

/** A JSON answer with the request's id. Plain headers spare the server a Headers object for each answer. */
export function answer(
  c: Ctx,
  result: { status: number; body: unknown; headers?: Record<string, string> },
): Response {
  const json = busy(c, () => JSON.stringify(result.body));
  return new Response(json, {
    status: result.status,
    headers: {
      // The length of the answer that a GET would have: a HEAD has no body to be measured.
      ...(c.req.method === 'HEAD' ? { 'content-length': String(Buffer.byteLength(json)) } : {}),
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'x-request-id': c.env.requestId,
      ...result.headers,
    },
  });
}

/** An answer of headers only, for 204 and 304. */
export function answerEmpty(c: Ctx, status: 204 | 304, headers: Record<string, string> = {}): Response {
  return new Response(null, { status, headers: { 'x-request-id': c.env.requestId, ...headers } });
}
