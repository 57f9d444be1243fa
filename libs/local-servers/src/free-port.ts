import { createServer } from 'node:net';

/** Below every ephemeral range (Linux 32768+, macOS 49152+). */
const LOWEST_PORT = 15_000;
const HIGHEST_PORT = 31_999;

const handedOut = new Set<number>();

/**
 * Resolves to a port on 127.0.0.1 that nothing listens on at this moment, never the same twice in a process.
 *
 * It lies outside the ranges from which the kernel gives out client ports: a client that keeps redialling a
 * dead server on an ephemeral port can take that port itself, and then the server cannot come back on it.
 * The port is not reserved; starting a server on it can still lose a race.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = LOWEST_PORT + Math.floor(Math.random() * (HIGHEST_PORT - LOWEST_PORT + 1));
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    if (await isPortFree(port)) return port;
  }
  throw new Error(`found no free port on 127.0.0.1 between ${LOWEST_PORT} and ${HIGHEST_PORT}`);
}

/** Resolves to whether a listener on 127.0.0.1:`port` could be opened at this moment. */
export async function isPortFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const probe = createServer();
  probe.once('error', () => resolve(false));
  probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  return promise;
}
