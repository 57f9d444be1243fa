import { randomUUIDv7 } from 'node:crypto';
import { executorConsumer, JOBS_STREAM } from '@errand/contracts';
import { startTestCluster, startTestNats, type TestNats, waitUntil } from '@errand/testkit';
import { jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBus } from '../src/bus.ts';
import { assertVersion } from '../src/connect/provision.ts';
import { UnfitServer } from '../src/errors.ts';
import { connectionOf } from '../src/testing.ts';
import { openTestBus, TOPOLOGY } from './bus.ts';

let nats: TestNats;
beforeAll(async () => {
  nats = await startTestNats();
});
afterAll(() => nats?.[Symbol.asyncDispose]());

test('ten processes may provision an empty server at once', async () => {
  const buses = await Promise.all(Array.from({ length: 10 }, () => openTestBus(nats.url)));
  await Promise.all(
    buses.map((bus) =>
      bus.consumers.provision(executorConsumer('add', { slot: 0, contractId: 'c1', leaseMs: 30_000 })),
    ),
  );
  const [first] = buses;
  if (!first) throw new Error('no bus');
  const jsm = await jetstreamManager(connectionOf(first));
  const { config, state } = await jsm.streams.info(JOBS_STREAM);
  expect(config).toMatchObject({ discard: 'new', allow_direct: true, allow_atomic: true, num_replicas: 1 });
  expect(state.consumer_count).toBe(1);
  await Promise.all(buses.map((bus) => bus[Symbol.asyncDispose]()));
});

test('changed settings reach a stream that exists', async () => {
  const topology = { ...TOPOLOGY, jobsMaxAgeHours: 72 };
  await using bus = await openBus({ servers: nats.url, name: 'test', topology });
  const jsm = await jetstreamManager(connectionOf(bus));
  expect((await jsm.streams.info(JOBS_STREAM)).config.max_age).toBe(72 * 3_600_000_000_000);
});

test('a server without room for what the streams may grow to is refused at once, in words that say what to set', async () => {
  await using small = await startTestNats({ maxFileStoreBytes: 2_000_000_000 });
  const topology = { ...TOPOLOGY, jobsMaxBytes: 1_000_000_000, payloadsMaxBytes: 500_000_000 };
  const opening = openBus({ servers: small.url, name: 'test', topology });
  await expect(opening).rejects.toThrow(UnfitServer);
  await expect(opening).rejects.toThrow(
    /3\.6 GB.*max_file_store.*ERRAND_JOBS_MAX_BYTES.*ERRAND_PAYLOADS_MAX_BYTES/s,
  );
  const sized = {
    jobsMaxBytes: 500_000_000,
    payloadsMaxBytes: 500_000_000,
    deadLettersMaxBytes: 100_000_000,
    jobLogsMaxBytes: 100_000_000,
  };
  await using bus = await openBus({ servers: small.url, name: 'test', topology: { ...TOPOLOGY, ...sized } });
  expect(bus.isConnected()).toBe(true);
});

test('changed settings reach a consumer that exists', async () => {
  await using bus = await openTestBus(nats.url);
  for (const leaseMs of [30_000, 1_000]) {
    await bus.consumers.provision(
      executorConsumer('leased', { slot: 0, contractId: 'c1', leaseMs: leaseMs }),
    );
    expect(
      (await bus.consumers.standingOf(executorConsumer('leased', { slot: 0, contractId: 'c1', leaseMs: 0 })))
        ?.ackWaitMs,
    ).toBe(leaseMs);
  }
});

test.each(['2.9.10', '2.10.27', '2.11.99'])(
  'server %s is refused in words that say what to do',
  (version) => {
    expect(() => assertVersion(version)).toThrow(UnfitServer);
    expect(() => assertVersion(version)).toThrow(/older than 2\.12\.0.*Upgrade the server/);
  },
);

test.each(['2.12.0', '2.15.1', '3.0.0', '2.14.0-beta.1'])('server %s is accepted', (version) => {
  expect(() => assertVersion(version)).not.toThrow();
});

// Each stream and bucket waits for a leader of its own, on a busy machine for long.
test('a process may provision while a cluster elects its leaders', { timeout: 120_000 }, async () => {
  await using cluster = await startTestCluster();
  const servers = cluster.urls.join(',');
  const topology = { ...TOPOLOGY, replicas: 3 };
  await using first = await openBus({ servers, name: 'test', topology });
  const jsm = await jetstreamManager(connectionOf(first));
  const leader = (await jsm.streams.info(JOBS_STREAM)).cluster?.leader ?? '';
  // The nodes are called n1, n2, n3, in the order of the list. Streams that this one leads have to elect another
  // leader.
  await cluster.nodes[Number(leader.slice(1)) - 1]?.kill();
  await using second = await openBus({ servers, name: 'test', topology });
  await second.consumers.provision(executorConsumer('add', { slot: 0, contractId: 'c1', leaseMs: 30_000 }));
  const read = () => second.jobs.read({ tenantId: 'acme', jobId: randomUUIDv7() });
  expect(await waitUntil(read, { timeoutMs: 20_000 })).toEqual([]);
});
