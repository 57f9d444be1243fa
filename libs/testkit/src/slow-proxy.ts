import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A proxy to a local server that delays the bytes. */
export interface SlowProxy extends AsyncDisposable {
  /** The delay of bytes from here on in each direction, in milliseconds. They keep their order. */
  delayMs: number;
  /** The server's URL through this proxy. */
  readonly url: string;
}

/** `host:port` of the URL is where the server listens. */
export async function startSlowProxy(serverUrl: string): Promise<SlowProxy> {
  const target = new URL(serverUrl);
  const sockets = new Set<Socket>();
  const proxy = createServer((caller) => {
    const server = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [caller, server],
      [server, caller],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      forward(from, to, () => started.delayMs);
    }
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const url = new URL(serverUrl);
  url.host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const started: SlowProxy = {
    delayMs: 0,
    url: url.href.replace(/\/$/, ''),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
  return started;
}

function forward(from: Socket, to: Socket, delayMs: () => number): void {
  const waiting: { bytes: Buffer; dueAt: number }[] = [];
  let timer: NodeJS.Timeout | undefined;
  const send = () => {
    timer = undefined;
    for (let [next] = waiting; next; [next] = waiting) {
      const restMs = next.dueAt - performance.now();
      if (restMs > 0) {
        timer = setTimeout(send, restMs);
        return;
      }
      waiting.shift();
      to.write(next.bytes);
    }
  };
  from.on('data', (bytes: Buffer) => {
    waiting.push({ bytes, dueAt: performance.now() + delayMs() });
    if (!timer) send();
  });
}
