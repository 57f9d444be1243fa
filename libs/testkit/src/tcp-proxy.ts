import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type Side = 'client' | 'server';

export interface TcpProxy extends AsyncDisposable {
  /** The server's URL through this proxy. */
  readonly url: string;
  /** Ends all connections, and new ones at once until disposed of. */
  cut(): Disposable;
}

/** `host:port` of the URL is where the server listens. `forward` sends on what comes from one side of a connection. */
export async function startTcpProxy(
  serverUrl: string,
  forward: (from: Socket, to: Socket, side: Side) => void,
): Promise<TcpProxy> {
  const target = new URL(serverUrl);
  const sockets = new Set<Socket>();
  let isCut = false;
  const endAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  const proxy = createServer((client) => {
    if (isCut) {
      client.destroy();
      return;
    }
    const server = connect(Number(target.port), target.hostname);
    for (const [from, to, side] of [
      [client, server, 'client'],
      [server, client, 'server'],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      forward(from, to, side);
    }
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const url = new URL(serverUrl);
  url.host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return {
    url: url.href.replace(/\/$/, ''),
    cut() {
      isCut = true;
      endAll();
      return {
        [Symbol.dispose]() {
          isCut = false;
        },
      };
    },
    async [Symbol.asyncDispose]() {
      endAll();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
