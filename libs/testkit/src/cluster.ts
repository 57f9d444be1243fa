import { startNatsCluster } from '@errand/local-servers';
import { startNatsContainerCluster } from './nats-container.ts';
import { embeddedTestServer, type TestServer, testServersMode } from './server.ts';
import { makeTempDir } from './temp-dir.ts';

const SIZE = 3;

/** A JetStream cluster owned by one test file. */
export interface TestCluster extends AsyncDisposable {
  /** The addresses of all nodes, for a client that must survive the loss of one. */
  readonly urls: string[];
  /** Three servers, each of which can be killed and restarted. */
  readonly nodes: TestServer[];
}

/** Resolves to an empty cluster of three once each node knows the meta leader. Dispose of it in `afterAll`. */
export async function startTestCluster(): Promise<TestCluster> {
  const nodes =
    testServersMode() === 'containers' ? await startNatsContainerCluster(SIZE) : await startEmbeddedNodes();
  return {
    urls: nodes.map((node) => node.url),
    nodes,
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
    },
  };
}

async function startEmbeddedNodes(): Promise<TestServer[]> {
  const dir = await makeTempDir();
  const nodes = await startNatsCluster({ dir: dir.path, size: SIZE });
  let left = nodes.length;
  const removeWithTheLast = async () => {
    left -= 1;
    if (left === 0) await dir.remove();
  };
  return nodes.map((node) => embeddedTestServer(node, removeWithTheLast));
}
