import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/*
 * Calls at a rate that does not depend on how fast the answers come, like the many callers of a service. A separate
 * process, controlled by its parent.
 */

export interface CallOrder {
  readonly port: number;
  /** A whole request. */
  readonly request: string;
  readonly perSecond: number;
  /** Calls are made for this long before they count, */
  readonly warmUpSeconds: number;
  /** and then for this long. */
  readonly seconds: number;
}

export interface CallReport {
  /** The number of answers of each status, and their latencies in ms. */
  readonly answers: Record<string, number[]>;
  /** Calls for which there was no connection left. */
  readonly unsent: number;
}

/**
 * Opened in advance: a gateway accepts one new connection per turn of its event loop, which is not what is measured.
 */
const CONNECTIONS = 1_500;
/** Opened at the same time, so that the listening socket's backlog does not overflow. */
const CONNECTING = 100;
const TICK_MS = 2;

process.once('message', async (order: CallOrder) => {
  process.send?.(await callAtRate(order), () => process.disconnect?.());
});

async function callAtRate({
  port,
  request,
  perSecond,
  warmUpSeconds,
  seconds,
}: CallOrder): Promise<CallReport> {
  const free: Socket[] = [];
  const answers: Record<string, number[]> = {};
  const sentAt = new Map<Socket, number>();
  let unsent = 0;
  let countsFrom = Number.POSITIVE_INFINITY;

  async function open(): Promise<Socket> {
    const socket = connect(port, '127.0.0.1').setNoDelay();
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      const since = sentAt.get(socket);
      const head = chunk.toString('latin1', 0, 12);
      if (since === undefined || !head.startsWith('HTTP/1.1 ')) return;
      const status = head.slice(9, 12);
      answers[status] ??= [];
      if (since >= countsFrom) answers[status].push(performance.now() - since);
      sentAt.delete(socket);
      free.push(socket);
    });
    // The kernel connects before the gateway has accepted the connection.
    socket.write('GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n');
    await once(socket, 'data');
    return socket;
  }

  while (free.length < CONNECTIONS) {
    free.push(...(await Promise.all(Array.from({ length: CONNECTING }, open))));
  }
  const sockets = [...free];
  const began = performance.now();
  countsFrom = began + warmUpSeconds * 1_000;
  let sent = 0;
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const elapsedS = (performance.now() - began) / 1_000;
      if (elapsedS >= warmUpSeconds + seconds) {
        clearInterval(timer);
        return resolve();
      }
      for (; sent < elapsedS * perSecond; sent++) {
        const socket = free.shift();
        if (!socket || socket.destroyed) {
          if (elapsedS >= warmUpSeconds) unsent++;
          continue;
        }
        sentAt.set(socket, performance.now());
        socket.write(request);
      }
    }, TICK_MS);
  });
  for (const socket of sockets) socket.destroy();
  return { answers, unsent };
}
