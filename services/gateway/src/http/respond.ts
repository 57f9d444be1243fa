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
      ...c.env.rateLimit,
      ...result.headers,
    },
  });
}

/** An answer of headers only, for 204 and 304. */
export function answerEmpty(c: Ctx, status: 204 | 304, headers: Record<string, string> = {}): Response {
  return new Response(null, { status, headers: { 'x-request-id': c.env.requestId, ...headers } });
}

/** RFC 9110, 13.1.2: whether any entity tag of the list, compared weakly, or a star names this one. */
/** Answers with server-sent events. */
export function answerEventStream(c: Ctx, stream: ReadableStream<Uint8Array>): Response {
  return new Response(stream, {
    headers: {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // Tells nginx not to hold events back.
      'x-accel-buffering': 'no',
      'x-request-id': c.env.requestId,
    },
  });
}

export function hasTag(ifNoneMatch: string | null, etag: string): boolean {
  if (ifNoneMatch === null) return false;
  const opaque = (tag: string) => tag.trim().replace(/^W\//, '');
  return ifNoneMatch.split(',').some((tag) => opaque(tag) === '*' || opaque(tag) === opaque(etag));
}

/** The header that makes a download of a body, under its name if it has one: once in ASCII, once as it is (RFC 6266). */
export function dispositionOf(filename: string | undefined): string {
  if (filename === undefined) return 'attachment';
  const ascii = filename
    .normalize('NFKD')
    .replace(/[^\x20-\x7e]/g, '')
    .replace(/["\\%]/g, '_');
  const exact = encodeURIComponent(filename.toWellFormed()).replace(/['()*]/g, percentEncoded);
  return `attachment; filename="${ascii}"; filename*=UTF-8''${exact}`;
}

/** What encodeURIComponent leaves as it is and RFC 8187 does not allow. */
function percentEncoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
