import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestCluster, type TestCluster } from '../src/cluster.ts';
import { rawNatsRequest } from '../src/raw-nats.ts';
import type { TestServer } from '../src/server.ts';
import { waitUntil } from '../src/wait-until.ts';

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startTestCluster();
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

interface StreamInfo {
  cluster: { leader?: string; replicas: { current: boolean }[] };
}

async function streamInfo(node: TestServer): Promise<StreamInfo> {
  return (await rawNatsRequest(node.url, '$JS.API.STREAM.INFO.KEPT')) as unknown as StreamInfo;
}

test('a stream on three nodes takes messages with its leader dead, and the leader comes back', async () => {
  const [any] = cluster.nodes as [TestServer];
  const config = { name: 'KEPT', subjects: ['kept'], num_replicas: 3 };
  const created = await rawNatsRequest(any.url, '$JS.API.STREAM.CREATE.KEPT', config);
  expect(created).toMatchObject({ config: { num_replicas: 3 } });
  expect(await rawNatsRequest(any.url, 'kept', 'one')).toMatchObject({ seq: 1 });

  const { leader } = (await streamInfo(any)).cluster;
  const dead = cluster.nodes[Number(leader?.slice(1)) - 1] as TestServer;
  const alive = cluster.nodes.find((node) => node !== dead) as TestServer;
  await dead.kill();
  const elected = await waitUntil(async () => {
    const now = (await streamInfo(alive)).cluster.leader;
    return now !== leader && now;
  });
  expect(elected).toMatch(/^n[123]$/);
  expect(await rawNatsRequest(alive.url, 'kept', 'two')).toMatchObject({ seq: 2 });

  await dead.restart();
  await waitUntil(async () => (await streamInfo(dead)).cluster.replicas.every(({ current }) => current));
  expect(await rawNatsRequest(dead.url, 'kept', 'three')).toMatchObject({ seq: 3 });
});
