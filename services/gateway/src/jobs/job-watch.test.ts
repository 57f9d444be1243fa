import { randomUUIDv7 } from 'node:crypto';
import type { StoredEvent } from '@errand/bus';
import type { RecordedEvent } from '@errand/contracts';
import { type JobFact, toJobEvent } from '@errand/contracts';
import { foldJob, type JobState } from '@errand/domain';
import { beforeEach, expect, test } from 'vitest';
import { awaitJob, createJobWatch, type JobWatch } from './job-watch.ts';

/*
 * The log's hints come from the test here, so that each order of hints and reads can be had.
 */

const ref = { tenantId: 'acme', action: 'simulate', jobId: randomUUIDv7() };
const never = new AbortController().signal;

let stopping: AbortController;
let listeners: Set<{ onEvent: (stored: StoredEvent) => void; onGap: () => void }>;
let watch: JobWatch;

beforeEach(() => {
  stopping = new AbortController();
  listeners = new Set();
  watch = createJobWatch(
    {
      onStored(_filter, listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    stopping.signal,
  );
});

/** Told without its body, as by an older server's configuration. */
function hint(version: number, type: StoredEvent['type'] = 'JobProgressed'): void {
  for (const { onEvent } of listeners)
    onEvent({ ref, type, version, follows: version - 1, decode: () => undefined });
}

/** Told with its body. */
function tell(version: number, follows: number, fact: JobFact): void {
  const event = toJobEvent(fact, {
    id: randomUUIDv7(),
    jobId: ref.jobId,
    source: '/errand/test',
    timeMs: version,
  });
  const decode = () => ({ ref, version, event });
  for (const { onEvent } of listeners) onEvent({ ref, type: fact.type, version, follows, decode });
}

const progressed = (percent: number): JobFact => ({ type: 'JobProgressed', data: { attempt: 1, percent } });
const SUCCEEDED: JobFact = { type: 'JobSucceeded', data: { attempt: 1, result: {}, duration_ms: 1 } };

function stateAt(version: number): JobState {
  const fact = { type: 'JobStarted', data: { attempt: 1, executor_id: 'e' } } as const;
  const id = randomUUIDv7();
  const event = toJobEvent(fact, { id, jobId: ref.jobId, source: '/errand/test', timeMs: 0 });
  const recorded: RecordedEvent = { ref, version, event };
  const state = foldJob([recorded]);
  if (!state) throw new Error('no state');
  return state;
}

test('what is stored before the first call of next is told by it', async () => {
  using changes = watch.follow(ref, { signals: [never] });
  hint(1);
  expect(await changes.next()).toBe('stored');
});

test('hints that come while nobody waits are one reason to read', async () => {
  using changes = watch.follow(ref, { signals: [never] });
  for (const version of [1, 2, 3]) hint(version);
  expect(await changes.next()).toBe('stored');
  changes.nudge();
  expect(await changes.next()).toBe('nudged');
});

test('events that are not wanted wake nobody and are known to have been missed', async () => {
  using changes = watch.follow(ref, { signals: [never], wakesOn: ({ type }) => type === 'JobFailed' });
  hint(1);
  changes.nudge();
  expect(await changes.next()).toBe('nudged');
  expect(changes.fold(stateAt(1))).toBeUndefined();
  hint(2, 'JobFailed');
  expect(await changes.next()).toBe('stored');
  expect(await changes.read(async () => 'read')).toBe('read');
  expect(changes.fold(stateAt(2))).toEqual(stateAt(2));
});

test('a gap wakes, whatever is wanted', async () => {
  using changes = watch.follow(ref, { signals: [never], wakesOn: () => false });
  for (const { onGap } of listeners) onGap();
  expect(await changes.next()).toBe('stored');
});

test('the end of the time, of the caller and of the process wake for good', async () => {
  using timed = watch.follow(ref, { signals: [never], timeoutMs: 0 });
  expect([await timed.next(), await timed.next()]).toEqual(['timeout', 'timeout']);
  const caller = new AbortController();
  using called = watch.follow(ref, { signals: [caller.signal] });
  caller.abort();
  expect(await called.next()).toBe('aborted');
  using stopped = watch.follow(ref, { signals: [never] });
  const waiting = stopped.next();
  stopping.abort();
  expect(await waiting).toBe('aborted');
  using late = watch.follow(ref, { signals: [never] });
  expect(await late.next()).toBe('aborted');
});

test('what is disposed of is no longer listening, and its waiter is let go', async () => {
  const changes = watch.follow(ref, { signals: [never] });
  const waiting = changes.next();
  expect([watch.size(), listeners.size]).toEqual([1, 1]);
  changes[Symbol.dispose]();
  expect(await waiting).toBe('aborted');
  expect([watch.size(), listeners.size]).toEqual([0, 0]);
});

test('events that follow what is known are taken in without a read, also those told during the first one', async () => {
  let reads = 0;
  const state = await awaitJob(watch, ref, {
    signals: [never],
    isEnough: ({ phase }) => phase.value.status === 'succeeded',
    async read() {
      reads++;
      tell(1, 0, progressed(1));
      tell(5, 1, progressed(50));
      setImmediate(() => tell(9, 5, SUCCEEDED));
      return stateAt(1);
    },
  });
  expect(reads).toBe(1);
  expect(state).toMatchObject({ version: 9, attempt: { version: 1 }, phase: { version: 9 } });
});

test('an event that follows another one than is known leads to a read', async () => {
  let reads = 0;
  const state = await awaitJob(watch, ref, {
    signals: [never],
    isEnough: ({ version }) => version >= 9,
    async read() {
      if (++reads === 1) tell(9, 5, SUCCEEDED);
      return stateAt(reads === 1 ? 1 : 9);
    },
  });
  expect([state.version, reads]).toEqual([9, 2]);
});

test('hints during a read lead to one more read, and at rest there is none', async () => {
  let reads = 0;
  const state = await awaitJob(watch, ref, {
    signals: [never],
    isEnough: ({ version }) => version >= 3,
    async read() {
      reads++;
      if (reads === 1) for (const version of [2, 3, 4]) hint(version);
      return stateAt(reads === 1 ? 1 : 4);
    },
  });
  expect([state.version, reads]).toEqual([4, 2]);
});

test('a later read that fails is passed over, and the last one at the end of the time counts', async () => {
  let reads = 0;
  const state = await awaitJob(watch, ref, {
    signals: [never],
    timeoutMs: 5,
    isEnough: () => false,
    wakesOn: ({ version }) => version === 2,
    async read() {
      reads++;
      if (reads === 1) hint(2);
      if (reads === 2) {
        hint(3);
        throw new Error('the log does not answer');
      }
      return stateAt(reads);
    },
  });
  expect([state.version, reads]).toEqual([3, 3]);
});

test('a read that failed is tried again in a moment', async () => {
  using changes = watch.follow(ref, { signals: [never] });
  expect(await changes.read(() => Promise.reject(new Error('down')))).toBeUndefined();
  expect(changes.fold(stateAt(1))).toBeUndefined();
  expect(await changes.next()).toBe('stored');
});

test('a thousand who are woken read in turns, and who has waited long enough does not wait for a turn', async () => {
  let reading = 0;
  let most = 0;
  const release = Promise.withResolvers<void>();
  const follows = Array.from({ length: 1_000 }, () => watch.follow(ref, { signals: [never], timeoutMs: 20 }));
  const reads = follows.map((changes) =>
    changes.read(async () => {
      most = Math.max(most, ++reading);
      await release.promise;
      return 'read';
    }),
  );
  expect(await Promise.all(reads)).toEqual(Array.from({ length: 1_000 }, () => undefined));
  expect(most).toBe(64);
  release.resolve();
  await new Promise(setImmediate);
  expect(reading).toBe(64);
});

test('a first read that fails is the failure of the wait, which then listens no longer', async () => {
  const read = () => Promise.reject(new Error('no such job'));
  await expect(awaitJob(watch, ref, { signals: [never], read, isEnough: () => false })).rejects.toThrow(
    'no such',
  );
  expect(watch.size()).toBe(0);
});
