import { freePort, untilRouted } from '@errand/local-servers';
import { GenericContainer, Network, Wait } from 'testcontainers';
import { containerTestServer } from './container.ts';
import type { TestServer } from './server.ts';

const IMAGE = 'nats:2.15';
const STARTUP_TIMEOUT_MS = 60_000;

/** Resolves to a JetStream server in a container once it is healthy. */
export async function startNatsContainer(): Promise<TestServer> {
  const port = await freePort();
  const container = await natsContainer(port, natsConfig('errand')).start();
  return containerTestServer(container, `nats://127.0.0.1:${port}`);
}

/**
 * Resolves to the nodes of a JetStream cluster in containers once each knows the meta leader and is connected
 * to all others. When one fails to start, the others are removed.
 */
export async function startNatsContainerCluster(size: number): Promise<TestServer[]> {
  const network = await new Network().start();
  const names = Array.from({ length: size }, (_, index) => `n${index + 1}`);
  const routes = names.map((name) => `nats://${name}:6222`);
  const starts = names.map(async (name) => {
    const port = await freePort();
    // Other nodes' addresses inside the network are useless to a client on the host.
    const cluster = { name: 'errand', listen: '0.0.0.0:6222', routes, no_advertise: true };
    const container = natsContainer(port, { ...natsConfig(name), cluster });
    const started = await container.withNetwork(network).withNetworkAliases(name).start();
    const node = containerTestServer(started, `nats://127.0.0.1:${port}`, removeWithTheLast);
    return { node, monitorUrl: `http://127.0.0.1:${started.getMappedPort(8222)}` };
  });
  const results = await Promise.allSettled(starts);
  const started = results.filter((result) => result.status === 'fulfilled').map((result) => result.value);
  const nodes = started.map(({ node }) => node);
  let left = nodes.length;
  async function removeWithTheLast(): Promise<void> {
    left -= 1;
    if (left === 0) await network.stop();
  }
  try {
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    await untilRouted(started.map(({ monitorUrl }) => monitorUrl));
    return nodes;
  } catch (error) {
    await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
    throw error;
  }
}

function natsConfig(name: string) {
  return {
    server_name: name,
    port: 4222,
    http_port: 8222,
    max_payload: 2 * 1024 * 1024,
    jetstream: { store_dir: '/data' },
  };
}

function natsContainer(port: number, config: object): GenericContainer {
  return new GenericContainer(IMAGE)
    .withCopyContentToContainer([{ content: JSON.stringify(config), target: '/errand.conf' }])
    .withCommand(['--config', '/errand.conf'])
    .withExposedPorts({ container: 4222, host: port }, 8222)
    .withWaitStrategy(Wait.forHttp('/healthz', 8222).forStatusCode(200))
    .withStartupTimeout(STARTUP_TIMEOUT_MS);
}
