import { jobSubjects, storedOfAction, storedSubject } from '@errand/contracts';
import { startTestNats, type TestNats } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bus } from '../src/bus.ts';
import type { StoredEvent } from '../src/read/stored-events.ts';
import { eventOf, newJob, openTestBus, requested, started } from './bus.ts';

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

/** Collects stored events and lets a test wait for a number of them. */
function listen(filter: string) {
  const told: StoredEvent[] = [];
  let more = Promise.withResolvers<void>();
  let gaps = 0;
  const wake = () => {
    more.resolve();
    more = Promise.withResolvers();
  };
  const stop = bus.jobs.onStored(filter, {
    onEvent: (event) => {
      told.push(event);
      wake();
    },
    onGap: () => {
      gaps++;
      wake();
    },
  });
  const until = async (holds: () => boolean) => {
    while (!holds()) await more.promise;
  };
  return { told, until, stop, gaps: () => gaps };
}

test('a stored event is reported with its job, type and version, and a refused one is not', async () => {
  const ref = newJob();
  const listener = listen(storedSubject(jobSubjects(ref)));
  const first = await bus.jobs.append({ ref, event: requested(ref), expectedVersion: 0 });
  await bus.jobs.append({ ref, event: started(ref), expectedVersion: 0 });
  const version = first.kind === 'appended' ? first.version : 0;
  const second = await bus.jobs.append({ ref, event: started(ref), expectedVersion: version });
  await listener.until(() => listener.told.length >= 2);
  listener.stop();
  const newest = second.kind === 'appended' ? second.version : 0;
  expect(listener.told).toMatchObject([
    { ref, type: 'JobRequested', version, follows: 0 },
    { ref, type: 'JobStarted', version: newest, follows: version },
  ]);
  expect(listener.told.map(({ decode }) => decode())).toEqual(await bus.jobs.read(ref));
});

test('a listener can read the event at once', async () => {
  const seen: Promise<number | undefined>[] = [];
  const ref = newJob();
  const done = Promise.withResolvers<void>();
  const stop = bus.jobs.onStored(storedSubject(jobSubjects(ref)), {
    onGap: () => {},
    onEvent: ({ version }) => {
      seen.push(
        bus.jobs.read(ref).then((events) => events.find((each) => each.version === version)?.version),
      );
      if (seen.length === 100) done.resolve();
    },
  });
  let version = 0;
  for (let percent = 0; percent < 100; percent++) {
    const event = eventOf(ref, { type: 'JobProgressed', data: { attempt: 1, percent } });
    const outcome = await bus.jobs.append({ ref, event, expectedVersion: version });
    if (outcome.kind === 'appended') version = outcome.version;
    await Promise.all(seen);
  }
  await done.promise;
  stop();
  expect((await Promise.all(seen)).filter((each) => each === undefined)).toEqual([]);
});

test('one listener may follow one type of event of a whole action', async () => {
  const listener = listen(storedOfAction('follow', 'JobCancelRequested'));
  const ref = newJob('follow');
  const first = await bus.jobs.append({ ref, event: requested(ref), expectedVersion: 0 });
  const expectedVersion = first.kind === 'appended' ? first.version : 0;
  const event = eventOf(ref, { type: 'JobCancelRequested', data: { by: 'test' } });
  await bus.jobs.append({ ref, event, expectedVersion });
  await listener.until(() => listener.told.length >= 1);
  listener.stop();
  expect(listener.told).toMatchObject([{ ref, type: 'JobCancelRequested' }]);
});

test('a reconnection is reported as a gap', async () => {
  const listener = listen(storedSubject('jobs.>'));
  await nats.kill();
  await nats.restart();
  await listener.until(() => listener.gaps() > 0);
  listener.stop();
});
