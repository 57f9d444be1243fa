import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { startTestCluster } from '@errand/testkit';
import { expect, test } from 'vitest';
import { openBus } from '../src/bus.ts';
import { TOPOLOGY } from './bus.ts';

test('a payload is read whole from any of three servers at once after it was put', {
  timeout: 120_000,
}, async () => {
  await using cluster = await startTestCluster();
  const topology = { ...TOPOLOGY, replicas: 3 };
  await using writer = await openBus({ servers: cluster.urls.join(), name: 'writer', topology });
  await using reader = await openBus({ servers: cluster.urls.join(), name: 'reader', topology });
  for (let round = 0; round < 20; round++) {
    const bytes = randomBytes(round * 100_000);
    const about = { tenantId: 'acme', jobId: 'j', contentType: 'application/octet-stream' };
    const opened = await reader.payloads.open(await writer.payloads.put({ ...about, body: [bytes] }));
    if (opened.kind === 'gone') throw new Error('gone');
    expect((await buffer(opened.body)).equals(bytes)).toBe(true);
  }
});
