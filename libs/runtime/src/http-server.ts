import { createServer, STATUS_CODES } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener, RequestError } from '@hono/node-server';

export interface HttpServer extends AsyncDisposable {
  /** The port it listens on, also where 0 was asked for. */
  readonly port: number;
}

/** Malformed, too slow to arrive, or with headers that are too large. */
export type BrokenRequestStatus = 400 | 408 | 431;

export interface HttpServerOptions {
  fetch: (request: Request) => Response | Promise<Response>;
  /** Answers requests that cannot be given to `fetch`. Default: no body. */
  onBrokenRequest?: (status: BrokenRequestStatus) => Response;
  host: string;
  port: number;
  /** How long requests under way may take after the server was told to stop, in milliseconds. */
  graceMs: number;
  /** How long a connection without a request is kept open, in milliseconds. Default: Node's 5,000. */
  keepAliveMs?: number | undefined;
}

const STATUS_OF: Record<string, BrokenRequestStatus> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** Connections that may wait to be taken; Node's 511 is less than a burst of callers, who would then be reset. */
const BACKLOG = 4_096;

/**
 * Serves until disposed; requests under way are then answered, up to `graceMs`.
 * @throws when the address is taken, with the system's `code` (EADDRINUSE).
 */
export async function serveHttp(options: HttpServerOptions): Promise<HttpServer> {
  const { fetch, host, port, graceMs, keepAliveMs } = options;
  const answerBroken = options.onBrokenRequest ?? ((status) => new Response(null, { status }));
  const listener = getRequestListener(fetch, {
    hostname: host,
    errorHandler: (error) =>
      error instanceof RequestError ? answerBroken(400) : new Response(null, { status: 500 }),
  });
  // Headers may take a little longer, or a request that uses a kept connection at its last moment is refused.
  const times =
    keepAliveMs === undefined
      ? {}
      : { keepAliveTimeout: keepAliveMs, headersTimeout: Math.max(60_000, keepAliveMs + 5_000) };
  const answering = new WeakSet<Duplex>();
  const server = createServer(times, (incoming, outgoing) => {
    const { socket } = incoming;
    answering.add(socket);
    outgoing.once('close', () => {
      answering.delete(socket);
      // A connection that is kept alive would hold up the stop until its client closes it.
      if (!server.listening) setImmediate(() => server.closeIdleConnections());
    });
    void listener(incoming, outgoing);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // A second answer in the middle of another one would be read as a part of that.
    if (!socket.writable || answering.has(socket)) socket.destroy();
    else void writeRaw(socket, answerBroken(STATUS_OF[error.code ?? ''] ?? 400));
  });
  const listening = Promise.withResolvers<void>();
  server.once('error', listening.reject);
  server.listen({ port, host, backlog: BACKLOG }, listening.resolve);
  await listening.promise;
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const force = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(force);
    },
  };
}

/** For what the HTTP parser could not read there is no response object, only the connection. */
async function writeRaw(socket: Duplex, response: Response): Promise<void> {
  const body = await response.text();
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const length = `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n`;
  const line = `HTTP/1.1 ${response.status} ${STATUS_CODES[response.status]}\r\n`;
  socket.end(`${line}${headers}${length}\r\n${body}`);
}
