import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A call as it arrived; `url` is path and query. */
export interface ReceivedCall {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface CallReceiver extends AsyncDisposable {
  readonly url: string;
  /** Resolves to the first call, past or future, that matches; rejects with `what` after `timeoutMs`. */
  waitFor(options: {
    what: string;
    matches: (call: ReceivedCall) => boolean;
    timeoutMs: number;
  }): Promise<ReceivedCall>;
}

/** A web server on a free port of `host` that answers each call with 204 and remembers it. */
export async function startCallReceiver(host: string): Promise<CallReceiver> {
  const calls: ReceivedCall[] = [];
  const watchers = new Set<(call: ReceivedCall) => void>();
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    text(request)
      .then((body) => {
        const call = { method, url, headers, body };
        calls.push(call);
        response.writeHead(204).end();
        for (const watcher of watchers) watcher(call);
      })
      .catch(() => response.destroy());
  });
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    async waitFor({ what, matches, timeoutMs }) {
      const earlier = calls.find(matches);
      if (earlier) return earlier;
      const { promise, resolve, reject } = Promise.withResolvers<ReceivedCall>();
      const watcher = (call: ReceivedCall) => matches(call) && resolve(call);
      watchers.add(watcher);
      const timer = setTimeout(() => reject(new Error(`${what} did not arrive in time`)), timeoutMs);
      return promise.finally(() => {
        clearTimeout(timer);
        watchers.delete(watcher);
      });
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
