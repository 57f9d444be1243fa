import type { Server } from 'node:http';
import { serve } from '@hono/node-server';

export interface HttpServer extends AsyncDisposable {
  /** The port it listens on, also where 0 was asked for. */
  readonly port: number;
}

/**
 * Serves until disposed; requests under way are then answered, up to `graceMs`.
 * @throws when the address is taken, with the system's `code` (EADDRINUSE).
 */
export async function serveHttp(options: {
  fetch: (request: Request) => Response | Promise<Response>;
  host: string;
  port: number;
  graceMs: number;
}): Promise<HttpServer> {
  const { fetch, host, port, graceMs } = options;
  const listening = Promise.withResolvers<number>();
  const server = serve({ fetch, hostname: host, port }, (info) => listening.resolve(info.port)) as Server;
  server.once('error', listening.reject);
  return {
    port: await listening.promise,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const force = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(force);
    },
  };
}
