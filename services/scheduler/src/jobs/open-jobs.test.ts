import { isEndingType, type JobFact } from '@errand/contracts';
import { foldJob } from '@errand/domain';
import { anyFacts, REQUEST, record } from '@errand/domain/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createOpenJobs } from './open-jobs.ts';

const PLACE = { storedMs: 0, isHeld: false };

test('what is open, and until when it waits, is what folding all of its events says', () => {
  fc.assert(
    fc.property(anyFacts, (facts) => {
      const events = record([...facts]);
      const first = events.findIndex(({ event }) => ['JobRequested', 'JobCarried'].includes(event.type));
      // The log holds a job's first event first.
      fc.pre(first === 0 && events.filter(({ event }) => event.type === 'JobRequested').length <= 1);
      const open = createOpenJobs();
      for (const event of events) open.take(event, PLACE);
      const phase = foldJob(events)?.phase.value;
      const job = open.get(events[0]?.ref.jobId ?? '');
      const ended = events.findIndex(({ event }) => isEndingType(event.type));
      // Nothing follows an ending.
      fc.pre(ended === -1 || ended === events.length - 1);
      if (ended >= 0) {
        expect(open.waiting()).toBe(0);
        return;
      }
      const isCanceled = events.some(({ event }) => event.type === 'JobCancelRequested');
      const wakeAt = job?.wakeAt === undefined ? null : new Date(job.wakeAt).toISOString();
      expect(wakeAt === null).toBe(phase?.nextAt === null);
      if (!isCanceled) expect(wakeAt).toBe(phase?.nextAt);
      expect(open.waiting()).toBe(wakeAt === null ? 0 : 1);
    }),
  );
});

test('jobs are due in the order of their instants, each once, and again when they are put back', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { minLength: 1, maxLength: 60 }), (offsets) => {
      const open = createOpenJobs();
      for (const [place, offset] of offsets.entries()) open.take(requestAt(place, offset), PLACE);
      const seen: string[] = [];
      for (let now = 0; now <= 50; now++) {
        for (const { ref } of open.due(now, 100)) seen.push(ref.jobId);
        expect(seen.length).toBe(offsets.filter((offset) => offset <= now).length);
      }
      expect(open.due(50, 100)).toEqual([]);
      open.putBack(seen[0] ?? '', 60);
      expect(open.due(59, 100)).toEqual([]);
      expect(open.due(60, 100).map(({ ref }) => ref.jobId)).toEqual([seen[0]]);
    }),
  );
});

test.each([
  ['waits for its next attempt goes on with its turn', {}, 'held'],
  ['waits outside goes on at once', { deferred: { executor_id: 'e' } }, 'deferred'],
])('a carried job that %s', (_, more, standing) => {
  const open = createOpenJobs();
  const about = { requested_at: new Date(0).toISOString(), attempt: 1, errors: [], ...more };
  const next_at = new Date(1_000).toISOString();
  const [carried] = record([{ type: 'JobCarried', data: { ...about, request: REQUEST, next_at } }]);
  if (!carried) throw new Error('nothing recorded');
  open.take(carried, PLACE);
  const due = open.due(1_000, 10).map(({ ref }) => ref.jobId);
  expect(due).toEqual(standing === 'deferred' ? [carried.ref.jobId] : []);
  expect(open.get(carried.ref.jobId)?.standing).toBe(standing);
});

test.each([
  ['that held it before', [1, 2, 3]],
  ['that has only what is left of the log', [2, 3]],
])('a held job that was carried keeps its place before younger ones, with a scheduler %s', (_, versions) => {
  const [first, second, third] = record([
    { type: 'JobRequested', data: REQUEST },
    { type: 'JobRequested', data: REQUEST },
    {
      type: 'JobCarried',
      data: {
        requested_at: new Date(0).toISOString(),
        request: REQUEST,
        attempt: 0,
        next_at: new Date(1_000).toISOString(),
        errors: [],
      },
    },
  ]);
  if (!first || !second || !third) throw new Error('nothing recorded');
  const [older, younger] = ['older', 'younger'].map((jobId) => ({ ...first.ref, jobId }));
  if (!older || !younger) throw new Error('no refs');
  const log = [
    { ...first, ref: older, version: 1 },
    { ...second, ref: younger, version: 2 },
    { ...third, ref: older, version: 3 },
  ];
  const open = createOpenJobs();
  for (const each of log) {
    if (!versions.includes(each.version)) continue;
    open.take(each, { storedMs: each.version * 1_000, isHeld: each.event.type === 'JobRequested' });
  }
  expect(open.due(4_000, 10)).toEqual([]);
  expect(open.get('older')).toMatchObject({ standing: 'held', version: 3 });
  expect(open.release(10).map(({ ref }) => ref.jobId)).toEqual(['older', 'younger']);
});

test('of a held job that was carried after an attempt that this scheduler has missed, that attempt counts', () => {
  const startBy = new Date(5_000).toISOString();
  const request = { ...REQUEST, start_by: startBy, finish_by: new Date(9_000).toISOString() };
  const [requested, carried] = record([
    { type: 'JobRequested', data: request },
    {
      type: 'JobCarried',
      data: {
        requested_at: new Date(0).toISOString(),
        request,
        attempt: 1,
        next_at: new Date(1_000).toISOString(),
        errors: [],
      },
    },
  ]);
  if (!requested || !carried) throw new Error('nothing recorded');
  const open = createOpenJobs();
  open.take(requested, { storedMs: 500, isHeld: true });
  open.take(carried, { storedMs: 2_000, isHeld: false });
  expect(open.get(carried.ref.jobId)).toMatchObject({
    standing: 'held',
    reason: 'retry',
    startBy: undefined,
  });
  expect(open.due(5_001, 10)).toEqual([]);
  expect(open.due(9_001, 10).map(({ ref }) => ref.jobId)).toEqual([carried.ref.jobId]);
});

test('whatever a job waits for after its first attempt has begun, it is not its first turn', () => {
  const facts = record([
    { type: 'JobRequested', data: REQUEST },
    { type: 'JobStarted', data: { attempt: 1, executor_id: 'e' } },
    { type: 'JobDue', data: { reason: 'retry', handed_over_by: 'e' } },
  ]);
  const open = createOpenJobs();
  for (const [place, each] of facts.entries()) open.take(each, { storedMs: place, isHeld: true });
  expect(open.get(facts[0]?.ref.jobId ?? '')).toMatchObject({ standing: 'direct', reason: 'retry' });
});

test('a job that was polled many times expires once', () => {
  const open = createOpenJobs();
  const finishByMs = 1_000_000;
  const requested = requestAt(1, finishByMs);
  open.take(requested, PLACE);
  let { version } = requested;
  const follow = (fact: JobFact) => {
    const [recorded] = record([fact]);
    if (recorded) open.take({ ...recorded, ref: requested.ref, version: ++version }, PLACE);
  };
  follow({ type: 'JobStarted', data: { attempt: 1, executor_id: 'e' } });
  for (let at = 1_000; at <= 100_000; at += 1_000) {
    follow({ type: 'JobDeferred', data: { attempt: 1, until: new Date(at).toISOString(), operation: 'o' } });
    expect(open.due(at - 1, 10)).toEqual([]);
    expect(open.due(at, 10).length).toBe(1);
    follow({ type: 'JobDue', data: { reason: 'retry', contract_id: 'c1' } });
    follow({ type: 'JobStarted', data: { attempt: 1, executor_id: 'e' } });
  }
  expect(open.due(finishByMs - 1, 1_000)).toEqual([]);
  expect(open.due(finishByMs, 1_000).length).toBe(1);
});

test('a release that the log does not have yet is not taken for a job on its way to the executors', () => {
  const open = createOpenJobs();
  const requested = requestAt(1, 1_000);
  open.take(requested, { storedMs: 0, isHeld: true });
  expect(open.release(10).length).toBe(1);
  expect([...open.forExecutors()]).toEqual([]);
  const [due] = record([{ type: 'JobDue', data: { reason: 'turn', contract_id: 'c1' } }]);
  if (!due) throw new Error('nothing recorded');
  open.take({ ...due, ref: requested.ref, version: requested.version + 1 }, PLACE);
  expect([...open.forExecutors()].map(({ ref }) => ref.jobId)).toEqual([requested.ref.jobId]);
});

test('jobs are counted by contract, until they end', () => {
  const open = createOpenJobs();
  const first = requestAt(1, 5);
  open.take(first, PLACE);
  open.take(requestAt(2, 5), PLACE);
  expect(open.countOf('add', 'c1')).toBe(2);
  expect(open.countOf('add', 'c2')).toBe(0);
  open.end(first.ref.jobId, 0);
  expect(open.countOf('add', 'c1')).toBe(1);
  expect([...open.withoutContract()]).toEqual([]);
});

function requestAt(place: number, finishByMs: number) {
  const jobId = `01890000-0000-7000-8000-${String(place).padStart(12, '0')}`;
  const [requested] = record([
    { type: 'JobRequested', data: { ...REQUEST, finish_by: new Date(finishByMs).toISOString() } },
  ]);
  if (!requested) throw new Error('nothing recorded');
  return { ...requested, ref: { ...requested.ref, jobId } };
}
