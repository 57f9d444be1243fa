import { startNatsCluster } from '@errand/local-servers';
import { natsAccess } from './nats.ts';
import { startNatsContainerCluster } from './nats-container.ts';
import { rawNatsRequest } from './raw-nats.ts';
import { embeddedTestServer, type TestServer, testServersMode } from './server.ts';
import { makeTempDir } from './temp-dir.ts';
import { waitUntil } from './wait-until.ts';

const SIZE = 3;

/** A JetStream cluster owned by one test file. */
export interface TestCluster extends AsyncDisposable {
  /** The addresses of all nodes, for a client that must survive the loss of one. */
  readonly urls: string[];
  /** Three servers, each of which can be killed and restarted. */
  readonly nodes: TestServer[];
}

/**
 * Resolves to an empty cluster of three once it can place a stream on all of them. Dispose of it in `afterAll`. `more` is the
 * rest of each node's configuration, instead of the users of `startTestNats`; with it, they are never containers.
 */
export async function startTestCluster({
  more,
}: {
  more?: Readonly<Record<string, unknown>>;
} = {}): Promise<TestCluster> {
  const nodes =
    testServersMode() === 'containers' && more === undefined
      ? await startNatsContainerCluster(SIZE)
      : await startEmbeddedNodes(more);
  const [any] = nodes;
  if (any) await waitUntil(() => placesStreams(any));
  return {
    urls: nodes.map((node) => node.url),
    nodes,
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
    },
  };
}

/** A node that knows its meta leader may be one that the leader does not know yet. */
async function placesStreams({ url }: TestServer): Promise<boolean> {
  const config = { name: 'PLACED', subjects: ['placed'], num_replicas: SIZE };
  const { error } = await rawNatsRequest(url, '$JS.API.STREAM.CREATE.PLACED', config);
  if (!error) await rawNatsRequest(url, '$JS.API.STREAM.DELETE.PLACED');
  return !error;
}

async function startEmbeddedNodes(more?: Readonly<Record<string, unknown>>): Promise<TestServer[]> {
  const dir = await makeTempDir();
  const nodes = await startNatsCluster({ dir: dir.path, size: SIZE, more: more ?? natsAccess() });
  let left = nodes.length;
  const removeWithTheLast = async () => {
    left -= 1;
    if (left === 0) await dir.remove();
  };
  return nodes.map((node) => embeddedTestServer(node, removeWithTheLast));
}
