import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Hands each connection to one of the gateways that report ready, in turn. */
export interface LoadBalancer extends AsyncDisposable {
  readonly url: string;
}

export async function startLoadBalancer(gatewayPorts: readonly number[]): Promise<LoadBalancer> {
  const open = new Set<Socket>();
  let turn = 0;

  async function readyPort(): Promise<number | undefined> {
    for (let tries = 0; tries < gatewayPorts.length; tries++) {
      const port = gatewayPorts[turn++ % gatewayPorts.length];
      const isReady = await fetch(`http://127.0.0.1:${port}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (isReady) return port;
    }
    return undefined;
  }

  const server = createServer({ pauseOnConnect: true }, async (near) => {
    open.add(near.on('close', () => open.delete(near)).on('error', () => {}));
    const port = await readyPort();
    if (port === undefined) return near.destroy();
    const far = connect(port, '127.0.0.1');
    far.on('error', () => {}).on('close', () => near.destroy());
    near.on('close', () => far.destroy());
    near.pipe(far).pipe(near);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
