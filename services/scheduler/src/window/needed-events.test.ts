import type { JobEventType } from '@errand/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createNeededEvents } from './needed-events.ts';

type Said = readonly [job: number, type: JobEventType];

const log = fc
  .array(
    fc.tuple(
      fc.nat(5),
      fc.constantFrom<JobEventType>('JobRequested', 'JobStarted', 'JobCarried', 'JobSucceeded'),
    ),
    { maxLength: 60 },
  )
  .map(asWritten);

/** Each job is requested once, and nothing follows its ending. */
function asWritten(said: readonly Said[]): Said[] {
  const states = new Map<number, 'open' | 'ended'>();
  return said.filter(([job, type]) => {
    const state = states.get(job);
    if (state === 'ended' || (type === 'JobRequested') !== (state === undefined)) return false;
    states.set(job, type === 'JobSucceeded' ? 'ended' : 'open');
    return true;
  });
}

/** By its definition: the last request or carry of each job that is open, or whose ending is not settled. */
function neededFrom(events: readonly Said[], settled: number): number {
  const needed = events.flatMap(([job, type], index) => {
    if (type !== 'JobRequested' && type !== 'JobCarried') return [];
    const goneAt = events.findIndex(
      ([other, then], later) =>
        later > index && other === job && (then === 'JobSucceeded' || then === 'JobCarried'),
    );
    return goneAt === -1 || goneAt + 1 > settled ? [index + 1] : [];
  });
  return Math.min(settled + 1, ...needed);
}

test('the log is needed from the first event of a job that is open, or has ended and not been read', () => {
  fc.assert(
    fc.property(log, fc.array(fc.nat(100), { minLength: 1 }), (events, marks) => {
      const needed = createNeededEvents();
      let settled = 0;
      for (const [index, [job, type]] of events.entries()) {
        const version = index + 1;
        needed.take(`job-${job}`, type, { version, storedMs: version, bytes: 1 });
        settled = Math.min(version, settled + ((marks[index % marks.length] ?? 0) % 4));
        const sofar = events.slice(0, version);
        expect(needed.from(settled).version).toBe(neededFrom(sofar, settled));
      }
      const { openJob, version } = needed.from(events.length);
      expect(openJob === undefined).toBe(version === events.length + 1);
      expect([...needed.openBefore(Number.POSITIVE_INFINITY)][0]).toBe(openJob);
    }),
  );
});

test('a job that left the log before its ending was read needs nothing of it any more', () => {
  const needed = createNeededEvents();
  needed.take('missed', 'JobRequested', { version: 1, storedMs: 1, bytes: 1 });
  needed.take('other', 'JobRequested', { version: 9, storedMs: 9, bytes: 1 });
  expect(needed.from(9)).toEqual({ version: 1, openJob: 'missed' });
  needed.forget('missed');
  expect(needed.from(9)).toEqual({ version: 9, openJob: 'other' });
});

test('how much of the log is of open jobs is told by their bytes, and not by their number', () => {
  const needed = createNeededEvents();
  const take = (jobId: string, type: JobEventType, version: number, bytes: number) =>
    needed.take(jobId, type, { version, storedMs: version, bytes });
  for (let version = 1; version <= 3; version++) take(`held-${version}`, 'JobRequested', version, 100);
  take('large', 'JobRequested', 4, 1_000);
  expect(needed.openShare()).toBe(1);
  take('large', 'JobSucceeded', 5, 500);
  expect(needed.openShare()).toBe(300 / 1_800);
  // What was carried is in the log twice.
  take('held-1', 'JobCarried', 6, 100);
  expect(needed.openShare()).toBe(300 / 1_900);
  for (const version of [2, 3]) take(`held-${version}`, 'JobCanceled', 5 + version, 10);
  needed.from(8);
  expect(needed.openShare()).toBe(1);
});
