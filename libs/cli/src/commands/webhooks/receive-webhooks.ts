import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type VerifiedWebhook, verifyWebhook } from '@errand/client';
import { causeOf } from '@errand/client/for-command';
import { CannotRun } from '../../cannot-run.ts';

/** A call that came, and what became of it. */
export interface ReceivedCall {
  readonly method: string;
  readonly path: string;
  readonly verified: VerifiedWebhook;
  readonly body: string;
  /** What was answered: 200, 401 for a refused call, or the answer of the server it was passed on to. */
  readonly answered: number;
  /** Why passing on failed; the answer is 502 then. */
  readonly forwardError: string | undefined;
}

interface Receiving {
  /** 0 for any free one. */
  readonly port: number;
  /** Read for each call: it may be known only after the server has started to listen. */
  readonly secrets: () => readonly string[];
  readonly forwardTo: string | undefined;
  readonly onCall: (call: ReceivedCall) => void;
}

/** Headers of a single connection, which are not passed on (RFC 9110, 7.6.1). */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'te',
  'trailer',
  'host',
  'content-length',
];
const FORWARD_TIMEOUT_MS = 15_000;
/** Far above what Errand sends; more is answered 413 and not shown. */
const MOST_BODY_BYTES = 1_048_576;

/** Listens on this machine's loopback address only. @throws CannotRun if the port is taken */
export async function receiveWebhooks(
  receiving: Receiving,
): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((request, response) => {
    answerCall(receiving, request, response).catch(() => response.destroy());
  });
  server.listen(receiving.port, '127.0.0.1');
  await once(server, 'listening').catch((error) => {
    throw new CannotRun(`cannot listen on port ${receiving.port}: ${causeOf(error)}`);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answerCall(
  receiving: Receiving,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = '', url: path = '/', headers } = request;
  const body = await readBody(request);
  if (!body) return void response.writeHead(413, { connection: 'close' }).end();
  const verified = await verifyWebhook(headers, body, receiving.secrets());
  const isRefused = verified.kind === 'refused';
  const forwarded =
    isRefused || receiving.forwardTo === undefined
      ? { status: isRefused ? 401 : 200, error: undefined }
      : await forward(receiving.forwardTo, { method, path, headers, body });
  response.writeHead(forwarded.status).end();
  receiving.onCall({
    method,
    path,
    verified,
    body: body.toString('utf8'),
    answered: forwarded.status,
    forwardError: forwarded.error,
  });
}

/** Undefined for a body that is too large. */
async function readBody(request: IncomingMessage): Promise<Buffer<ArrayBuffer> | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > MOST_BODY_BYTES) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** Passes on the same bytes under the same headers, so that the signature holds there too. */
async function forward(
  to: string,
  call: { method: string; path: string; headers: IncomingHttpHeaders; body: Buffer<ArrayBuffer> },
): Promise<{ status: number; error: string | undefined }> {
  const headers = Object.entries(call.headers).flatMap(([name, value]): [string, string][] =>
    HOP_BY_HOP.includes(name) || value === undefined ? [] : [[name, String(value)]],
  );
  // A GET call carries its content in the query.
  const { search } = new URL(call.path, 'http://localhost');
  const url = new URL(to);
  if (search !== '') url.search = search;
  try {
    const response = await fetch(url, {
      method: call.method,
      headers,
      redirect: 'manual',
      signal: AbortSignal.timeout(FORWARD_TIMEOUT_MS),
      ...(call.method === 'GET' ? {} : { body: call.body }),
    });
    await response.body?.cancel();
    return { status: response.status, error: undefined };
  } catch (error) {
    return { status: 502, error: causeOf(error) };
  }
}
