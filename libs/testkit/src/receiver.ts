import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';

/** A request as it arrived; `url` is path and query, `body` is read as UTF-8. */
export interface ReceivedRequest {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

/** A status, or a function of the request; one that never resolves leaves the caller waiting. */
export type Respond = number | ((request: ReceivedRequest) => number | Answer | Promise<number | Answer>);

/** A real HTTP server on 127.0.0.1 that records what it is sent. */
export interface Receiver extends AsyncDisposable {
  readonly url: string;
  /** In order of arrival; a request is in here before it is answered. */
  readonly requests: ReceivedRequest[];
  /** May be replaced at any time; applies to requests that arrive after that. */
  respond: Respond;
  /** Resolves to the first request, past or future, that matches. Rejects after `timeoutMs`, default 20 s. */
  waitFor(predicate: (request: ReceivedRequest) => boolean, timeoutMs?: number): Promise<ReceivedRequest>;
}

/** Resolves to a listening receiver; it answers 200 unless told otherwise. Dispose of it in `afterAll`. */
export async function startReceiver(options: { respond?: Respond } = {}): Promise<Receiver> {
  const requests: ReceivedRequest[] = [];
  const arrivals = new EventTarget();
  const server = createServer((incoming, response) => {
    void (async () => {
      const request = await readRequest(incoming);
      requests.push(request);
      arrivals.dispatchEvent(new Event('arrival'));
      const { status, headers, body } = await answer(receiver.respond, request);
      response.writeHead(status, headers).end(body);
    })().catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    respond: options.respond ?? 200,
    waitFor: (predicate, timeoutMs = 20_000) => waitFor({ requests, arrivals, predicate, timeoutMs }),
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
  return receiver;
}

async function readRequest(incoming: IncomingMessage): Promise<ReceivedRequest> {
  const { method = '', url = '', headers } = incoming;
  return { method, url, headers, body: await text(incoming) };
}

async function answer(respond: Respond, request: ReceivedRequest): Promise<Answer> {
  const chosen = typeof respond === 'function' ? await respond(request) : respond;
  return typeof chosen === 'number' ? { status: chosen } : chosen;
}

interface Wanted {
  requests: ReceivedRequest[];
  arrivals: EventTarget;
  predicate: (request: ReceivedRequest) => boolean;
  timeoutMs: number;
}

function waitFor({ requests, arrivals, predicate, timeoutMs }: Wanted): Promise<ReceivedRequest> {
  const { promise, resolve, reject } = Promise.withResolvers<ReceivedRequest>();
  const look = () => {
    const found = requests.find(predicate);
    if (found) resolve(found);
  };
  const timer = setTimeout(() => {
    const seen = inspect(
      requests.map(({ method, url }) => `${method} ${url}`),
      { breakLength: 100 },
    );
    reject(new Error(`no matching request within ${timeoutMs} ms; received: ${seen}`));
  }, timeoutMs);
  arrivals.addEventListener('arrival', look);
  look();
  return promise.finally(() => {
    clearTimeout(timer);
    arrivals.removeEventListener('arrival', look);
  });
}
