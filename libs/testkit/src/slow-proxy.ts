import type { Socket } from 'node:net';
import { startTcpProxy } from './tcp-proxy.ts';

/** A proxy to a local server that delays the bytes. */
export interface SlowProxy extends AsyncDisposable {
  /** The delay of bytes from here on in each direction, in milliseconds. They keep their order. */
  delayMs: number;
  /** The server's URL through this proxy. */
  readonly url: string;
}

/** `host:port` of the URL is where the server listens. */
export async function startSlowProxy(serverUrl: string): Promise<SlowProxy> {
  const proxy = await startTcpProxy(serverUrl, (from, to) => forward(from, to, () => started.delayMs));
  const started: SlowProxy = {
    delayMs: 0,
    url: proxy.url,
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
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
