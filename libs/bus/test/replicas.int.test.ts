import { DEFAULT_TOPOLOGY } from '@errand/contracts';
import { rawNatsRequest, startTestCluster } from '@errand/testkit';
import { expect, test } from 'vitest';
import { openBus } from '../src/index.ts';

interface Listed {
  readonly streams: readonly { readonly config: { readonly name: string; readonly num_replicas: number } }[];
}

test('every stream and bucket of a running system gets the copies that a later start asks for', async () => {
  await using cluster = await startTestCluster();
  const [url = ''] = cluster.urls;
  const copies = async () => {
    const { streams } = (await rawNatsRequest(url, '$JS.API.STREAM.LIST', {})) as unknown as Listed;
    return Object.fromEntries(streams.map(({ config }) => [config.name, config.num_replicas]));
  };
  const provisioned = async (replicas: number, keepsExisting = false) => {
    const topology = { ...DEFAULT_TOPOLOGY, replicas };
    await using _bus = await openBus({ servers: cluster.urls.join(), name: 'test', topology, keepsExisting });
  };
  await provisioned(1);
  const names = Object.keys(await copies());
  expect(names).toEqual(
    expect.arrayContaining(['JOBS', 'AUDIT', 'KV_api_keys', 'KV_tenants', 'OBJ_payloads']),
  );
  for (const replicas of [3, 1]) {
    await provisioned(replicas);
    const expected = Object.fromEntries(names.map((name) => [name, replicas]));
    await expect.poll(copies).toEqual(expected);
    // An executor, whose author has set nothing.
    await provisioned(1, true);
    expect(await copies()).toEqual(expected);
  }
});
