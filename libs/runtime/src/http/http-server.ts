import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener, RequestError } from '@hono/node-server';

export interface HttpServer extends AsyncDisposable {
  /** The port it listens on, also if 0 was requested. */
  readonly port: number;
  /** How many connections are open. */
  connections(): number;
}

/** Malformed, slow to arrive, with an unknown expectation, one of too many on its connection, or with large headers. */
export type BrokenRequestStatus = 400 | 408 | 417 | 429 | 431;

/** A request and its answer as Node has them. */
export interface Wire {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

export interface PlainAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface HttpServerOptions {
  fetch: (request: Request, wire: Wire) => Response | Promise<Response>;
  /** Called for each request before anything is spent on it. An answer refuses it; its connection is kept. */
  refuse?: (incoming: IncomingMessage) => PlainAnswer | undefined;
  /** Answers requests that do not reach `fetch`. Default: no body. */
  onBrokenRequest?: (status: BrokenRequestStatus) => Response;
  host: string;
  port: number;
  /** How long requests under way may take after the server was told to stop, in milliseconds. */
  graceMs: number;
  /** How long a connection without a request is kept open, in milliseconds. Default: Node's 5,000. */
  keepAliveMs?: number | undefined;
  /** How long the head of a request may take to arrive, in milliseconds; on a new connection, from its start. */
  headTimeoutMs?: number;
  /** How long a caller may read nothing of an answer before its connection is closed, in milliseconds. */
  stallMs?: number;
  /** Connections beyond this number are closed at once. Default: no limit. */
  maxConnections?: number;
}

const STATUS_OF: Record<string, BrokenRequestStatus> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** Connections that may wait to be accepted; Node's 511 is less than a burst of callers, who would then be reset. */
const BACKLOG = 4_096;
const HEAD_TIMEOUT_MS = 10_000;
const STALL_MS = 30_000;
/** How long a peer has to read the answer to a request that could not be parsed. */
const LINGER_MS = 500;
/** Requests of one connection that wait for their answers; a connection with twice as many is closed. */
const MAX_PIPELINED = 100;

/**
 * Serves until disposed; requests under way are then answered, up to `graceMs`.
 * @throws when the address is taken, with the system's `code` (EADDRINUSE).
 */
export async function serveHttp(options: HttpServerOptions): Promise<HttpServer> {
  const { fetch, host, port, graceMs, keepAliveMs } = options;
  const { headTimeoutMs = HEAD_TIMEOUT_MS, stallMs = STALL_MS, maxConnections } = options;
  const answerBroken = options.onBrokenRequest ?? ((status) => new Response(null, { status }));
  const listener = getRequestListener((request, wire) => fetch(request, wire as Wire), {
    hostname: host,
    errorHandler: (error) =>
      error instanceof RequestError ? answerBroken(400) : new Response(null, { status: 500 }),
  });
  const refuse = ({ outgoing }: Wire, status: BrokenRequestStatus) =>
    void writeAnswer(outgoing, answerBroken(status));
  const serve = ({ incoming, outgoing }: Wire) => {
    const refusal = options.refuse?.(incoming);
    if (!refusal) return void listener(incoming, outgoing);
    outgoing.writeHead(refusal.status, refusal.headers);
    outgoing.end(refusal.body);
  };
  const pipelined = new WeakMap<Duplex, Set<ServerResponse>>();
  const hasRequests = (socket: Duplex) => (pipelined.get(socket)?.size ?? 0) > 0;
  const server = createServer(
    {
      ...(keepAliveMs === undefined ? {} : { keepAliveTimeout: keepAliveMs }),
      headersTimeout: headTimeoutMs,
      connectionsCheckingInterval: Math.max(50, headTimeoutMs / 5),
      // Missing ones are refused below, in the caller's words.
      requireHostHeader: false,
    },
    (incoming, outgoing) => {
      const { socket } = incoming;
      const answers = pipelined.get(socket) ?? followAnswers(socket);
      pipelined.set(socket, answers);
      answers.add(outgoing);
      outgoing.once('close', () => {
        answers.delete(outgoing);
        // A connection that is kept alive would hold up the stop until its client closes it.
        if (!server.listening) setImmediate(() => server.closeIdleConnections());
      });
      const wire = { incoming, outgoing };
      if (answers.size > 2 * MAX_PIPELINED) socket.destroy();
      else if (answers.size > MAX_PIPELINED) refuse(wire, 429);
      else if (!hasOneHost(incoming)) refuse(wire, 400);
      else serve(wire);
    },
  );
  if (maxConnections !== undefined) server.maxConnections = maxConnections;
  // Node refreshes the timer while an answer makes progress.
  server.setTimeout(stallMs, (socket: Socket) => {
    if (socket.writableLength > 0 || !hasRequests(socket)) socket.destroy();
  });
  server.on('checkExpectation', (incoming, outgoing) => refuse({ incoming, outgoing }, 417));
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    // A second answer in the middle of another one would be read as part of that.
    if (!socket.writable || hasRequests(socket)) socket.destroy();
    else void writeRaw(socket, answerBroken(STATUS_OF[error.code ?? ''] ?? 400));
  });
  let connections = 0;
  server.on('connection', (socket) => {
    connections++;
    socket.once('close', () => connections--);
  });
  const listening = Promise.withResolvers<void>();
  server.once('error', listening.reject);
  server.listen({ port, host, backlog: BACKLOG }, listening.resolve);
  await listening.promise;
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const force = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(force);
    },
  };
}

/** The unfinished answers of a connection. Node closes only the first of them with the connection. */
function followAnswers(socket: Duplex): Set<ServerResponse> {
  const answers = new Set<ServerResponse>();
  socket.once('close', () =>
    setImmediate(() => {
      for (const answer of answers) answer.emit('close');
    }),
  );
  return answers;
}

/** RFC 9112, 3.2: with none or several, two readers may understand the request in two ways. */
function hasOneHost({ rawHeaders, httpVersionMinor }: IncomingMessage): boolean {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  return hosts === 1 || (hosts === 0 && httpVersionMinor === 0);
}

async function writeAnswer(outgoing: ServerResponse, response: Response): Promise<void> {
  const body = await response.text();
  outgoing.writeHead(response.status, {
    ...Object.fromEntries(response.headers),
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  });
  outgoing.end(body);
}

/** For what the HTTP parser could not read there is no response object, only the connection. */
async function writeRaw(socket: Duplex, response: Response): Promise<void> {
  const body = await response.text();
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const length = `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n`;
  const line = `HTTP/1.1 ${response.status} ${STATUS_CODES[response.status]}\r\n`;
  socket.end(`${line}${headers}${length}\r\n${body}`);
  // A peer that never closes its half would keep the connection open; one that still sends must not lose the answer.
  socket.resume();
  const close = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(close));
}
