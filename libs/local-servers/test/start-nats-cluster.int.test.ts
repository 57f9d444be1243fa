import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type NatsNode, startNatsCluster } from '../src/nats/start-nats-cluster.ts';

let dir: string;
let nodes: NatsNode[];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'errand-cluster-'));
  nodes = await startNatsCluster({ dir, size: 3 });
});

afterAll(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  await rm(dir, { recursive: true });
});

interface MetaCluster {
  leader: string;
  cluster_size: number;
}

async function metaClusterSeenBy(node: NatsNode): Promise<MetaCluster> {
  const jsz = (await (await fetch(`${node.monitorUrl}/jsz`)).json()) as { meta_cluster: MetaCluster };
  return jsz.meta_cluster;
}

test('each node of a started cluster knows one and the same leader of three', async () => {
  const seen = await Promise.all(nodes.map(metaClusterSeenBy));
  expect(seen.map((meta) => meta.cluster_size)).toEqual([3, 3, 3]);
  expect(seen.map((meta) => meta.leader)).toEqual(Array(3).fill(seen[0]?.leader));
  expect(seen[0]?.leader).toMatch(/^n[123]$/);
});

test('a leader killed by SIGKILL joins again at its old address', async () => {
  const { leader } = await metaClusterSeenBy(nodes[0] as NatsNode);
  const node = nodes[Number(leader.slice(1)) - 1] as NatsNode;
  const { url, pid } = node;
  node.kill('SIGKILL');
  expect(await node.exited).toEqual({ code: null, signal: 'SIGKILL' });
  await node.restart();
  expect(node.url).toBe(url);
  expect(node.pid).not.toBe(pid);
  expect(await metaClusterSeenBy(node)).toMatchObject({ cluster_size: 3 });
});
