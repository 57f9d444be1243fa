import {
  executorConsumer,
  followConsumerName,
  JOBS_STREAM,
  type LogReaderSpec,
  type RecordedEvent,
} from '@errand/contracts';
import { startTestNats, type TestNats } from '@errand/testkit';
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Bus } from '../src/bus.ts';
import type { OrderedReadOptions } from '../src/in-order/options.ts';
import type { Unreadable } from '../src/read/event-codec.ts';
import { connectionOf, type MemoryPosition, memoryPosition } from '../src/testing.ts';
import { eventOf, newJob, openTestBus, requested } from './bus.ts';

let nats: TestNats;
let bus: Bus;
beforeAll(async () => {
  nats = await startTestNats();
  bus = await openTestBus(nats.url);
});
const reading: { stop: AbortController; done: Promise<void> }[] = [];
afterEach(async () => {
  for (const { stop, done } of reading.splice(0)) {
    stop.abort();
    await done;
  }
});
afterAll(async () => {
  await bus?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

let readers = 0;
/** Another one for each test, so that what one parks is not another one's. */
const newReader = (types?: LogReaderSpec['types']): LogReaderSpec => ({ name: `reader-${readers++}`, types });

/** A position behind all that is in the log. */
async function positionAtEnd(): Promise<MemoryPosition> {
  const { lastVersion, beganAt } = await bus.jobs.reach();
  return memoryPosition(Math.max(lastVersion, beganAt - 1));
}

interface Reading {
  readonly seen: RecordedEvent[];
  readonly batches: number[];
  readonly unreadable: Unreadable[];
  readonly errors: unknown[];
  readonly done: Promise<void>;
  stop(): Promise<void>;
}

function read(position: MemoryPosition, options: Partial<OrderedReadOptions> = {}): Reading {
  const stop = new AbortController();
  const seen: RecordedEvent[] = [];
  const batches: number[] = [];
  const unreadable: Unreadable[] = [];
  const errors: unknown[] = [];
  const done = bus.jobs.readInOrder({
    reader: newReader(),
    position,
    fillsAnew: true,
    maxBatch: 100,
    lingerMs: 0,
    sinceMs: () => 0,
    signal: stop.signal,
    onUnreadable: (event) => unreadable.push(event),
    onError: (error) => errors.push(error),
    take: async (batch, step) => {
      if (!position.move(step)) return false;
      seen.push(...batch);
      batches.push(batch.length);
      return true;
    },
    ...options,
  });
  const entry = { stop, done: done.catch(() => {}) };
  reading.push(entry);
  return {
    seen,
    batches,
    unreadable,
    errors,
    done,
    async stop() {
      stop.abort();
      await entry.done;
    },
  };
}

async function request(action = 'add'): Promise<{ jobId: string; version: number }> {
  const ref = newJob(action);
  const outcome = await bus.jobs.append({ ref, event: requested(ref), expectedVersion: 0 });
  if (outcome.kind !== 'appended') throw new Error(outcome.kind);
  return { jobId: ref.jobId, version: outcome.version };
}

const requests = async (count: number) => {
  const made = [];
  for (let each = 0; each < count; each++) made.push(await request());
  return made;
};
const idsOf = (events: readonly RecordedEvent[]) => events.map(({ ref }) => ref.jobId);
const publishNonsense = async () => {
  const { jobId } = newJob();
  const subject = `jobs.acme.add.${jobId}.requested.fast.c1`;
  return (await jetstream(connectionOf(bus)).publish(subject, '{"type":"Nonsense"}')).seq;
};

test('a reader takes every event once and in order, and a batch that fails is tried again', async () => {
  const position = await positionAtEnd();
  const made = await requests(250);
  let failures = 2;
  const take: OrderedReadOptions['take'] = async (batch, step) => {
    if (failures-- > 0) throw new Error('database away');
    expect(batch.length).toBeLessThanOrEqual(100);
    if (!position.move(step)) return false;
    seen.push(...batch);
    return true;
  };
  const seen: RecordedEvent[] = [];
  const { errors } = read(position, { take });
  await expect.poll(() => seen.length).toBe(250);
  made.push(...(await requests(3)));
  await expect.poll(() => seen.length).toBe(253);
  expect(idsOf(seen)).toEqual(made.map(({ jobId }) => jobId));
  expect(errors.length).toBe(2);
  expect(position.version).toBe(made.at(-1)?.version);
});

test('a reader waits for more events once one has come, and a full batch does not', async () => {
  const { seen, batches } = read(await positionAtEnd(), { maxBatch: 3, lingerMs: 2_000 });
  await requests(5);
  await expect.poll(() => seen.length).toBe(5);
  expect(batches).toEqual([3, 2]);
});

test('events of jobs that are of no interest are passed over unread, and asked about once a batch', async () => {
  const position = await positionAtEnd();
  const made = await requests(3);
  const nonsense = await publishNonsense();
  let asked = 0;
  const { seen, unreadable } = read(position, {
    maxBatch: 4,
    lingerMs: 2_000,
    interest: async () => {
      if (asked++ === 0) throw new Error('nobody knows yet');
      return ({ jobId }) => jobId === made[2]?.jobId;
    },
  });
  await expect.poll(() => position.version).toBe(nonsense);
  expect([idsOf(seen), asked, unreadable]).toEqual([[made[2]?.jobId], 2, []]);
});

test('some types of events alone are read where a reader names them', async () => {
  const position = await positionAtEnd();
  const ref = newJob();
  const first = await bus.jobs.append({ ref, event: requested(ref), expectedVersion: 0 });
  const event = eventOf(ref, { type: 'JobCanceled', data: { by: 'test' } });
  const version = first.kind === 'appended' ? first.version : 0;
  await bus.jobs.append({ ref, event, expectedVersion: version });
  const { seen } = read(position, { reader: newReader(['JobCanceled', 'JobFailed']) });
  await expect.poll(() => seen.map(({ event: { type } }) => type)).toEqual(['JobCanceled']);
});

test('what cannot be read, and what is refused, is parked once before the position passes it', async () => {
  const position = await positionAtEnd();
  const reader = newReader();
  const [good, refused] = await requests(2);
  await publishNonsense();
  const last = await request();
  const seen: string[] = [];
  let failures = 1;
  const { unreadable } = read(position, {
    reader,
    lingerMs: 500,
    refusal: (error) => (error instanceof TypeError ? error.message : undefined),
    take: async (batch, step) => {
      if (failures-- > 0) throw new Error('database away');
      if (idsOf(batch).includes(refused?.jobId ?? '')) throw new TypeError('never');
      if (!position.move(step)) return false;
      seen.push(...idsOf(batch));
      return true;
    },
  });
  await expect.poll(() => position.version).toBe(last.version);
  expect(seen).toEqual([good?.jobId, last.jobId]);
  expect(unreadable.map(({ reason }) => reason).toSorted()).toEqual([
    'never',
    expect.stringContaining('type'),
  ]);
  const parked = (await bus.deadLetters.list({ afterId: 0, limit: 100 })).filter(
    ({ consumer }) => consumer === reader.name,
  );
  expect(parked.map(({ version }) => version).toSorted()).toEqual(
    unreadable.map(({ version }) => version).toSorted(),
  );
  const letter = parked.find(({ reason }) => reason === 'never');
  expect(await bus.deadLetters.redrive(letter?.id ?? 0)).toBe(true);
  // It is refused again, and parked again.
  await expect
    .poll(async () =>
      (await bus.deadLetters.list({ afterId: letter?.id ?? 0, limit: 100 })).map(({ version }) => version),
    )
    .toContain(letter?.version);
});

test('of several readers one reads; another goes on where it stopped, and a late one writes nothing', async () => {
  const position = await positionAtEnd();
  let holder = 'first';
  const of = (name: string) => ({
    ...position,
    leaseMs: 300,
    hold: async () => (holder === name ? position.version : undefined),
  });
  const gate = Promise.withResolvers<void>();
  const reader = newReader();
  const taken: string[] = [];
  const as =
    (name: string): OrderedReadOptions['take'] =>
    async (batch, step) => {
      // Stopped in the middle of a batch.
      if (name === 'first' && taken.length > 0) await gate.promise;
      if (!position.move(step)) return false;
      taken.push(...batch.map(({ ref }) => `${name} ${ref.jobId}`));
      return true;
    };
  read(position, { reader, position: of('first'), take: as('first'), maxBatch: 1 });
  read(position, { reader, position: of('second'), take: as('second'), maxBatch: 1 });
  const made = await requests(3);
  await expect.poll(() => taken.length).toBe(1);
  holder = 'second';
  await expect.poll(() => taken.length).toBe(3);
  gate.resolve();
  made.push(...(await requests(2)));
  await expect.poll(() => taken.length).toBe(5);
  const names = ['first', 'second', 'second', 'second', 'second'];
  expect(taken).toEqual(made.map(({ jobId }, index) => `${names[index]} ${jobId}`));
});

test('a position below what the log holds, as of a database that was set back, is filled from the audit log', async () => {
  const position = await positionAtEnd();
  const made = await requests(20);
  await expect.poll(() => bus.audit.version()).toBe(made.at(-1)?.version);
  const jsm = await jetstreamManager(connectionOf(bus));
  await jsm.streams.purge(JOBS_STREAM, { seq: (made[14]?.version ?? 0) + 1 });
  const reader = newReader();
  const first = read(position, { reader, maxBatch: 4 });
  await expect.poll(() => first.seen.length).toBe(20);
  expect(idsOf(first.seen)).toEqual(made.map(({ jobId }) => jobId));
  await first.stop();
  // Nothing is left in the log at all.
  await jsm.streams.purge(JOBS_STREAM);
  position.version = made[9]?.version;
  const again = read(position, { reader });
  await expect.poll(() => idsOf(again.seen)).toEqual(made.slice(10).map(({ jobId }) => jobId));
  made.push(await request());
  await expect.poll(() => idsOf(again.seen)).toEqual(made.slice(10).map(({ jobId }) => jobId));
});

test('a position beyond the end of the log ends the reader with an error', async () => {
  const { lastVersion } = await bus.jobs.reach();
  const { done } = read(memoryPosition(lastVersion + 1_000));
  await expect(done).rejects.toThrow('the log ends at');
});

test('a reader begins where its durable consumer of earlier versions stopped, and removes that', async () => {
  const made = await requests(3);
  const reader = newReader();
  const jsm = await jetstreamManager(connectionOf(bus));
  await jsm.consumers.add(JOBS_STREAM, {
    durable_name: reader.name,
    ack_policy: AckPolicy.All,
    filter_subjects: ['jobs.>'],
  });
  const old = await jetstream(connectionOf(bus)).consumers.get(JOBS_STREAM, reader.name);
  for await (const message of await old.fetch({ max_messages: 100, expires: 20_000 })) {
    if (message.seq === made[1]?.version) {
      await message.ackAck();
      break;
    }
  }
  const { seen } = read(memoryPosition(), { reader });
  await expect.poll(() => idsOf(seen)).toEqual([made[2]?.jobId]);
  expect(await bus.consumers.standingOf({ stream: JOBS_STREAM, name: reader.name })).toBeUndefined();
});

test('a reader says in the bucket of positions how far it has come, and less than that on a stop is no more', async () => {
  const { LogPosition, BUCKETS } = await import('@errand/contracts');
  const positions = await bus.buckets.open(BUCKETS.positions, LogPosition);
  const reader = newReader();
  const { stop } = read(await positionAtEnd(), { reader });
  const { version } = await request();
  await expect.poll(() => positions.get(reader.name)).toEqual({ version });
  const next = await request();
  await stop();
  expect((await positions.get(reader.name))?.version).toBeOneOf([version, next.version]);
});

test('a reader misses nothing that another process took from its consumer, or when that is removed', async () => {
  const reader = newReader();
  const { seen, errors } = read(await positionAtEnd(), { reader });
  const made = await requests(1);
  await expect.poll(() => idsOf(seen)).toEqual(made.map(({ jobId }) => jobId));
  const nc = connectionOf(bus);
  const name = followConsumerName(reader.name);
  const thief = await jetstream(nc).consumers.get(JOBS_STREAM, name);
  const stolen: number[] = [];
  const stealing = (async () => {
    for await (const { seq } of await thief.fetch({ max_messages: 10, expires: 20_000 })) stolen.push(seq);
  })().catch(() => {});
  made.push(...(await requests(50)));
  await expect.poll(() => idsOf(seen)).toEqual(made.map(({ jobId }) => jobId));
  await stealing;
  expect(stolen.length).toBeGreaterThan(0);
  await (await jetstreamManager(nc)).consumers.delete(JOBS_STREAM, name);
  made.push(...(await requests(5)));
  await expect.poll(() => idsOf(seen)).toEqual(made.map(({ jobId }) => jobId));
  expect(errors).toEqual([expect.objectContaining({ message: 'consumer deleted' })]);
}, 60_000);

test('a reader goes on through a restart of the server, and ends when it is stopped while that is away', async () => {
  const { seen, stop } = read(await positionAtEnd());
  const made = [await request()];
  await expect.poll(() => seen.length).toBe(1);
  await nats.kill();
  await nats.restart();
  const ref = newJob();
  await bus.jobs.append({ ref, event: requested(ref), expectedVersion: 0, deadlineMs: 20_000 });
  await expect.poll(() => idsOf(seen), { timeout: 20_000 }).toEqual([made[0]?.jobId, ref.jobId]);
  await nats.kill();
  await expect.poll(bus.isConnected).toBe(false);
  await stop();
  const late = read(memoryPosition());
  await late.stop();
  await nats.restart();
  await bus.consumers.provision(executorConsumer('add', { slot: 0, contractId: 'c1', leaseMs: 30_000 }));
});
