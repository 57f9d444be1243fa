import { type ConsumerSpec, executorConsumer } from '@errand/contracts';
import { startTestNats, type TestNats } from '@errand/testkit';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Bus } from '../src/bus.ts';
import type { Work } from '../src/consume/consume-work.ts';
import type { Verdict } from '../src/consume/pull-messages.ts';
import type { Unreadable } from '../src/read/event-codec.ts';
import { connectionOf } from '../src/testing.ts';
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

let actions = 0;
/** A separate consumer for each test. */
async function newAction(): Promise<{ action: string; consumer: ConsumerSpec }> {
  const action = `action_${actions++}`;
  await bus.consumers.provision(executorConsumer(action, { slot: 0, contractId: 'c1', leaseMs: 30_000 }));
  return { action, consumer: executorConsumer(action, { slot: 0, contractId: 'c1', leaseMs: 30_000 }) };
}

async function request(action: string): Promise<string> {
  const ref = newJob(action);
  await bus.jobs.append({ ref, event: requested(ref), expectedVersion: 0 });
  return ref.jobId;
}

function work(
  consumer: ConsumerSpec,
  slots: number,
  handle: (work: Work) => Promise<Verdict>,
  onUnreadable: (event: Unreadable) => void = () => {},
) {
  const stop = new AbortController();
  const errors: unknown[] = [];
  const { signal } = stop;
  const onError = (error: unknown) => errors.push(error);
  const done = bus.consumers.work({ consumer, slots, handle, onUnreadable, onError, signal });
  return {
    errors,
    async stop() {
      stop.abort();
      await done;
    },
  };
}

/** Resolves once it was called `count` times. */
function calls(count: number) {
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = count;
  return { reached: promise, call: () => --left === 0 && resolve() };
}

describe('work', () => {
  test('is done on as many events at once as there are slots, and no more', async () => {
    const { action, consumer } = await newAction();
    const ids = await Promise.all(Array.from({ length: 12 }, () => request(action)));
    const gate = Promise.withResolvers<void>();
    const threeAtWork = calls(3);
    const all = calls(12);
    const seen: string[] = [];
    let atWork = 0;
    let most = 0;
    const working = work(consumer, 3, async ({ recorded }) => {
      most = Math.max(most, ++atWork);
      threeAtWork.call();
      await gate.promise;
      atWork--;
      seen.push(recorded.ref.jobId);
      all.call();
      return { kind: 'done' };
    });
    await threeAtWork.reached;
    // Events that the busy process does not work on are free for another one.
    const others = calls(9);
    const other = work(consumer, 9, async ({ recorded }) => {
      seen.push(recorded.ref.jobId);
      others.call();
      all.call();
      return { kind: 'done' };
    });
    await others.reached;
    gate.resolve();
    await all.reached;
    await Promise.all([working.stop(), other.stop()]);
    expect(most).toBe(3);
    expect(seen.toSorted()).toEqual(ids.toSorted());
  });

  test('comes again when a handler asks for it or throws', async () => {
    const { action, consumer } = await newAction();
    await request(action);
    const deliveries: number[] = [];
    const third = calls(3);
    const working = work(consumer, 1, async ({ deliveryCount }) => {
      deliveries.push(deliveryCount);
      third.call();
      if (deliveryCount === 1) return { kind: 'again', afterMs: 1.5 };
      if (deliveryCount === 2) throw new Error('broken');
      return { kind: 'done' };
    });
    await third.reached;
    await working.stop();
    expect(deliveries).toEqual([1, 2, 3]);
    expect(working.errors).toEqual([new Error('broken')]);
  });

  test('is not blocked by a message that is not an event', async () => {
    const { action, consumer } = await newAction();
    const { jobId } = newJob(action);
    await jetstream(connectionOf(bus)).publish(
      `jobs.acme.${action}.${jobId}.requested.fast.c1`,
      '{"type":"Nonsense"}',
    );
    const good = await request(action);
    const seen = Promise.withResolvers<string>();
    const unreadable: Unreadable[] = [];
    const working = work(
      consumer,
      1,
      async ({ recorded }) => {
        seen.resolve(recorded.ref.jobId);
        return { kind: 'done' };
      },
      (event) => unreadable.push(event),
    );
    expect(await seen.promise).toBe(good);
    await working.stop();
    expect(unreadable).toMatchObject([{ kind: 'unreadable', subject: expect.stringContaining(jobId) }]);
  });

  test('continues after the server was killed and came back', async () => {
    const { action, consumer } = await newAction();
    const seen = new Set<string>();
    let until = Promise.withResolvers<void>();
    const working = work(consumer, 2, async ({ recorded }) => {
      seen.add(recorded.ref.jobId);
      until.resolve();
      return { kind: 'done' };
    });
    const first = await request(action);
    await until.promise;
    until = Promise.withResolvers<void>();
    await nats.kill();
    await nats.restart();
    const ref = newJob(action);
    await bus.jobs.append({ ref, event: requested(ref), expectedVersion: 0, deadlineMs: 20_000 });
    while (!seen.has(ref.jobId)) {
      await until.promise;
      until = Promise.withResolvers<void>();
    }
    await working.stop();
    expect([...seen]).toEqual(expect.arrayContaining([first, ref.jobId]));
  });
});

test('work that finds nothing asks for it seldom, is stopped at once, and gets what comes after a reconnection', async () => {
  const { action, consumer } = await newAction();
  const done = calls(1);
  const seldom = Promise.withResolvers<void>();
  const asking = connectionOf(bus).subscribe(
    `$JS.API.CONSUMER.MSG.NEXT.${consumer.stream}.${consumer.name}`,
    {
      callback: (_, message) => {
        if (message.json<{ expires: number }>().expires === 10_000_000_000) seldom.resolve();
      },
    },
  );
  const handle = async (): Promise<Verdict> => {
    done.call();
    return { kind: 'done' };
  };
  const working = work(consumer, 1, handle);
  await seldom.promise;
  await nats.kill();
  await nats.restart();
  const ref = newJob(action);
  await bus.jobs.append({ ref, event: requested(ref), expectedVersion: 0, deadlineMs: 20_000 });
  await done.reached;
  await working.stop();
  const idle = work(consumer, 1, handle);
  asking.unsubscribe();
  await idle.stop();
});

test('work that continues through a reconnection never exceeds its slots', async () => {
  const { action, consumer } = await newAction();
  const gate = Promise.withResolvers<void>();
  const threeAtWork = calls(3);
  const all = calls(12);
  let atWork = 0;
  let most = 0;
  const working = work(consumer, 4, async () => {
    most = Math.max(most, ++atWork);
    threeAtWork.call();
    await gate.promise;
    atWork--;
    all.call();
    return { kind: 'done' };
  });
  for (let index = 0; index < 3; index++) await request(action);
  await threeAtWork.reached;
  await nats.kill();
  await nats.restart();
  for (let index = 0; index < 9; index++) {
    const ref = newJob(action);
    await bus.jobs.append({ ref, event: requested(ref), expectedVersion: 0, deadlineMs: 20_000 });
  }
  gate.resolve();
  await all.reached;
  await working.stop();
  expect(most).toBeLessThanOrEqual(4);
});

describe('a consumer that is deleted', () => {
  const options = { onUnreadable: () => {}, onError: () => {}, signal: new AbortController().signal };
  const deleteConsumer = async ({ stream, name }: ConsumerSpec) => {
    const jsm = await jetstreamManager(connectionOf(bus));
    await jsm.consumers.delete(stream, name);
  };

  test('ends the work on it with an error', async () => {
    const { action, consumer } = await newAction();
    const worked = calls(1);
    const handle = async (): Promise<Verdict> => {
      worked.call();
      return { kind: 'done' };
    };
    const done = bus.consumers.work({ ...options, consumer, slots: 1, handle });
    const ended = expect(done).rejects.toThrow();
    await request(action);
    await worked.reached;
    await deleteConsumer(consumer);
    await ended;
  });
});

test('work that begins while the server is away ends when it is stopped', async () => {
  const { consumer } = await newAction();
  await nats.kill();
  await expect.poll(bus.isConnected).toBe(false);
  const stop = new AbortController();
  const options = { onUnreadable: () => {}, onError: () => {}, signal: stop.signal };
  const working = bus.consumers.work({
    ...options,
    consumer,
    slots: 1,
    handle: async () => ({ kind: 'done' }),
  });
  stop.abort();
  await working;
  await nats.restart();
});
