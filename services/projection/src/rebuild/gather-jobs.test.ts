import { randomUUIDv7 } from 'node:crypto';
import { eventSubject, type JobFact, type RecordedEvent, toJobEvent, uuidV7Floor } from '@errand/contracts';
import { REQUEST } from '@errand/domain/testing';
import { expect, test } from 'vitest';
import { summaryLine } from '../live/job-rows.ts';
import { foldProjected } from '../live/projected-job.ts';
import { createJobGatherer, type GatherLimits } from './gather-jobs.ts';

const LIMITS: GatherLimits = { maxJobs: 10, maxLength: 1_000_000, maxBehind: 100 };
const BEGINNING = { position: 0, version: 0, events: 0, skipped: 0 };
const requested: JobFact = { type: 'JobRequested', data: REQUEST };
const started: JobFact = { type: 'JobStarted', data: { attempt: 1, executor_id: 'e' } };
const succeeded: JobFact = { type: 'JobSucceeded', data: { attempt: 1, result: 1, duration_ms: 1 } };

/** A log whose positions are ten less than its versions, on its way into a gatherer. */
function gather(limits: Partial<GatherLimits> = {}, from = BEGINNING) {
  const jobs = createJobGatherer(from, { ...LIMITS, ...limits });
  let position = from.position;
  return {
    jobs,
    take(jobId: string, fact: JobFact, text?: string): RecordedEvent {
      position++;
      const ref = { tenantId: 'acme', action: 'add', jobId };
      const about = { id: randomUUIDv7(), jobId, source: '/errand/test', timeMs: Date.now() } as const;
      const event = toJobEvent(fact, about);
      const version = position + 10;
      const subject = eventSubject(ref, fact);
      jobs.take({ position, version, subject, text: text ?? JSON.stringify(event) }, Date.now());
      return { ref, version, event };
    },
  };
}

const lineOf = (events: RecordedEvent[]) => {
  const state = foldProjected(events);
  return state && summaryLine(state);
};

test('a job comes out as one row once it has ended, and everything counts as read up to the oldest that has not', () => {
  const { jobs, take } = gather();
  const [a, b] = [randomUUIDv7(), randomUUIDv7()];
  take(a, requested);
  const ofB = [take(b, requested), take(b, started), take(b, succeeded)];
  expect(jobs.drain()).toEqual({
    fresh: { ids: [b], lines: [lineOf(ofB)] },
    later: [],
    place: BEGINNING,
  });
  take(a, succeeded);
  const { fresh, place } = jobs.drain();
  expect(fresh.ids).toEqual([a]);
  expect(place).toEqual({ position: 5, version: 15, events: 5, skipped: 0 });
  expect(jobs.drain()).toEqual({ fresh: { ids: [], lines: [] }, later: [], place });
});

test.each<[string, Partial<GatherLimits>]>([
  ['too many are', { maxJobs: 2 }],
  ['too much is', { maxLength: 1_200 }],
  ['it was begun too long ago', { maxBehind: 2 }],
])('the oldest job is let go when held and %s; what comes later is told apart', (_, limits) => {
  const { jobs, take } = gather(limits);
  const [a, b, c] = [randomUUIDv7(), randomUUIDv7(), randomUUIDv7()];
  const first = take(a, requested);
  take(b, requested);
  take(c, requested);
  const { fresh, later, place } = jobs.drain();
  expect([fresh, later]).toEqual([{ ids: [a], lines: [lineOf([first])] }, []]);
  expect(place).toEqual({ position: 1, version: 11, events: 1, skipped: 0 });
  const last = take(a, succeeded);
  expect(jobs.drain().later).toEqual([foldProjected([last])]);
});

test('what comes behind the end of a job is one change, however much it is', () => {
  const { jobs, take } = gather();
  const a = randomUUIDv7();
  take(a, requested);
  take(a, succeeded);
  const stray = [take(a, started), take(a, succeeded), take(a, succeeded)];
  const { fresh, later } = jobs.drain();
  expect([fresh.ids, later]).toEqual([[a], [foldProjected(stray)]]);
});

test('what cannot be read is left out and counted once it lies before the place', () => {
  const { jobs, take } = gather({}, { ...BEGINNING, skipped: 7 });
  const [a, b] = [randomUUIDv7(), randomUUIDv7()];
  take(a, requested);
  const ofB = [take(b, requested)];
  take(b, started, 'not JSON');
  ofB.push(take(b, succeeded));
  const { fresh, place } = jobs.drain();
  expect([fresh.lines, place.skipped]).toEqual([[lineOf(ofB)], 7]);
  jobs.letGo();
  expect(jobs.drain().place).toMatchObject({ events: 4, skipped: 8 });
  jobs.take({ position: 5, version: 0, subject: 'audit.acme.add.started', text: '{}' }, Date.now());
  expect(jobs.drain().place).toMatchObject({ position: 5, version: 14, events: 5, skipped: 9 });
});

test('a job whose summary has expired is passed over', () => {
  const { jobs, take } = gather();
  take(`${uuidV7Floor(Date.now() - 8 * 86_400_000).slice(0, 13)}${randomUUIDv7().slice(13)}`, requested);
  expect(jobs.drain()).toMatchObject({ fresh: { ids: [] }, later: [], place: { events: 1, skipped: 0 } });
});
