import { startTestCluster, type TestCluster, type TestServer, waitUntil } from '@errand/testkit';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LogUnavailable } from '../src/errors.ts';
import { orUnavailable, readPages } from '../src/read/read-pages.ts';
import { sequenceAt } from '../src/read/sequence-at.ts';

const SUBJECTS = 500;
const ROUNDS = 200;
const BODY = new Uint8Array(1_000);

let cluster: TestCluster;

beforeAll(async () => {
  cluster = await startTestCluster();
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

test('a read beside a replica that catches up gets all that the leader has, or fails', {
  timeout: 180_000,
}, async () => {
  const nodeOf = (name: string | undefined) => cluster.nodes[Number(name?.slice(1)) - 1] as TestServer;
  const setUp = await connect({ servers: cluster.urls });
  const { cluster: placed } = await (await jetstreamManager(setUp)).streams.add({
    name: 'KEPT',
    subjects: ['kept.*'],
    num_replicas: 3,
  });
  await setUp.close();
  const nc = await connect({ servers: nodeOf(placed?.leader).url });
  const jsm = await jetstreamManager(nc);
  const js = jetstream(nc);

  const follower = nodeOf(placed?.replicas?.[0]?.name);
  await follower.kill();
  let lastRoundMs = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    const acks = await Promise.all(
      Array.from({ length: SUBJECTS }, (_, subject) =>
        js.publish(`kept.${subject}`, BODY, { timeout: 20_000 }),
      ),
    );
    if (round < ROUNDS) continue;
    const first = await jsm.streams.getMessage('KEPT', { seq: Math.min(...acks.map(({ seq }) => seq)) });
    lastRoundMs = first?.time.getTime() ?? 0;
  }

  const rest = { stream: 'KEPT', pageSize: 50, read: () => 1 };
  const count = async (filterSubjects: string[], from: { sinceMs: number } | undefined) => {
    let found = 0;
    for await (const page of readPages(nc, jsm, { ...rest, filterSubjects, from }))
      found += page.messages.length;
    return found;
  };
  const reads = {
    all: () => count(['kept.7'], undefined),
    two: () => count(['kept.7', 'kept.9'], undefined),
    since: () => count([`kept.${SUBJECTS - 1}`], { sinceMs: lastRoundMs }),
    sequence: () => sequenceAt(jsm, 'KEPT', lastRoundMs),
  };
  // Until the servers that are left have noticed, they leave reads to the dead one.
  const whole = await waitUntil(() => eachOf(reads), { timeoutMs: 60_000 });
  expect(whole).toMatchObject({ all: ROUNDS, two: 2 * ROUNDS });

  let isUp = false;
  const up = follower.restart().then(() => {
    isUp = true;
  });
  for (let rounds = 0; !isUp || rounds < 10; rounds++) {
    try {
      expect(await eachOf(reads)).toEqual(whole);
    } catch (error) {
      if (!(error instanceof LogUnavailable)) throw error;
    }
  }
  await up;
  await nc.close();
});

/** What each read finds, one after the other. @throws LogUnavailable: a server that has just restarted may not answer. */
async function eachOf(reads: Record<string, () => Promise<number>>): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const [name, read] of Object.entries(reads)) found[name] = await orUnavailable(read);
  return found;
}
