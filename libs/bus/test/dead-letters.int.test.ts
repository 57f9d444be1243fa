import { executorConsumer, PROJECTION_READER, type RecordedEvent } from '@errand/contracts';
import { startTestNats, type TestNats, waitUntil } from '@errand/testkit';
import { jetstream } from '@nats-io/jetstream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bus } from '../src/bus.ts';
import { connectionOf, memoryPosition } from '../src/testing.ts';
import { newJob, openTestBus, requested } from './bus.ts';

let nats: TestNats;
let bus: Bus;
beforeAll(async () => {
  nats = await startTestNats();
  bus = await openTestBus(nats.url);
});
afterAll(async () => {
  await bus?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

async function publishNonsense(action: string): Promise<string> {
  const { jobId } = newJob(action);
  await jetstream(connectionOf(bus)).publish(
    `jobs.acme.${action}.${jobId}.requested.fast.c1`,
    `nonsense of ${jobId}`,
  );
  return jobId;
}

test('what the executor and the projection cannot read is parked for each of them, and blocks neither', async () => {
  const executor = executorConsumer('poisoned', { slot: 0, contractId: 'c1', leaseMs: 30_000 });
  await bus.consumers.provision(executor);
  const jobId = await publishNonsense('poisoned');
  const good = newJob('poisoned');
  await bus.jobs.append({ ref: good, event: requested(good), expectedVersion: 0 });

  const stop = new AbortController();
  const position = memoryPosition();
  const worked = Promise.withResolvers<RecordedEvent>();
  const batched = Promise.withResolvers<RecordedEvent | undefined>();
  const common = { signal: stop.signal, onUnreadable: () => {}, onError: () => {} };
  const running = [
    bus.consumers.work({
      ...common,
      consumer: executor,
      slots: 1,
      handle: async ({ recorded }) => {
        worked.resolve(recorded);
        return { kind: 'done' };
      },
    }),
    bus.jobs.readInOrder({
      ...common,
      reader: PROJECTION_READER,
      position,
      fillsAnew: true,
      maxBatch: 10,
      lingerMs: 0,
      sinceMs: () => 0,
      take: async (batch, step) => {
        if (batch.length > 0) batched.resolve(batch[0]);
        return position.move(step);
      },
    }),
  ];
  expect((await worked.promise).ref).toEqual(good);
  expect((await batched.promise)?.ref).toEqual(good);
  stop.abort();
  await Promise.all(running);

  const parked = await bus.deadLetters.list({ afterId: 0, limit: 100 });
  expect(parked.map(({ consumer }) => consumer).toSorted()).toEqual([executor.name, 'projection']);
  for (const letter of parked) {
    expect(letter).toMatchObject({ reason: 'the body is not JSON', body: `nonsense of ${jobId}` });
    expect(letter.subject).toContain(jobId);
  }
});

test('a redriven event reaches its consumer and is no longer parked', async () => {
  const executor = executorConsumer('redriven', { slot: 0, contractId: 'c1', leaseMs: 30_000 });
  await bus.consumers.provision(executor);
  // Parked as if an older program could not read what this one can.
  const ref = newJob('redriven');
  const appended = await bus.jobs.append({ ref, event: requested(ref), expectedVersion: 0 });
  const version = appended.kind === 'appended' ? appended.version : 0;
  const { parkUnreadable } = await import('../src/consume/dead-letters.ts');
  const subject = `jobs.acme.redriven.${ref.jobId}.requested.fast.c1`;
  const body = new TextEncoder().encode(JSON.stringify((await bus.jobs.read(ref))[0]?.event));
  const unreadable = { kind: 'unreadable', subject, version, reason: 'not known – yet' } as const;
  await parkUnreadable(connectionOf(bus), executor.name, unreadable, body);
  const letter = (await bus.deadLetters.list({ afterId: 0, limit: 100 })).find(
    (each) => each.version === version,
  );
  if (!letter) throw new Error('not parked');
  expect(letter.reason).toBe('not known ? yet');

  const stop = new AbortController();
  const deliveries: { version: number; deliveryCount: number }[] = [];
  const twice = Promise.withResolvers<void>();
  const working = bus.consumers.work({
    consumer: executor,
    slots: 1,
    signal: stop.signal,
    onUnreadable: () => {},
    onError: () => {},
    handle: async ({ recorded, deliveryCount }) => {
      deliveries.push({ version: recorded.version, deliveryCount });
      if (deliveries.length === 2) twice.resolve();
      return { kind: 'done' };
    },
  });
  expect(await bus.deadLetters.redrive(letter.id)).toBe(true);
  await twice.promise;
  stop.abort();
  await working;
  // Once from the log, once redriven.
  expect(deliveries.map((each) => each.version)).toEqual([version, version]);
  expect(deliveries.map((each) => each.deliveryCount).toSorted()).toEqual([1, 2]);
  expect(await bus.deadLetters.redrive(letter.id)).toBe(false);
});

test('an event that is redriven and still cannot be read is parked again', async () => {
  const executor = executorConsumer('hopeless', { slot: 0, contractId: 'c1', leaseMs: 30_000 });
  await bus.consumers.provision(executor);
  await publishNonsense('hopeless');
  const stop = new AbortController();
  const working = bus.consumers.work({
    consumer: executor,
    slots: 1,
    signal: stop.signal,
    onUnreadable: () => {},
    onError: () => {},
    handle: async () => ({ kind: 'done' }),
  });
  const parked = async (afterId: number) =>
    (await bus.deadLetters.list({ afterId, limit: 100 })).find(({ consumer }) => consumer === executor.name);
  let letter = await waitUntil(() => parked(0));
  for (let redrives = 0; redrives < 2; redrives++) {
    const { id, ...about } = letter;
    expect(await bus.deadLetters.redrive(id)).toBe(true);
    letter = await waitUntil(() => parked(id));
    expect(letter).toMatchObject({ ...about, parkedAt: expect.any(String) });
  }
  stop.abort();
  await working;
});
