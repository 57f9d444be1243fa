import type { UnreadEvent } from '@errand/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyFacts, REF, REQUEST, record } from '../test/arbitrary-history.ts';
import { evolve, foldJob, isEnded, mergeJobStates } from './job.ts';

const shuffled = <T>(items: readonly T[]) =>
  fc.shuffledSubarray([...items], { minLength: items.length, maxLength: items.length });

describe('the fold of a job', () => {
  test('gives the same state in any order', () => {
    fc.assert(
      fc.property(
        anyFacts.map(record).chain((events) => fc.tuple(fc.constant(events), shuffled(events))),
        ([events, other]) => {
          expect(foldJob(other)).toEqual(foldJob(events));
        },
      ),
    );
  });

  test('is not changed by events that come again', () => {
    fc.assert(
      fc.property(
        anyFacts.map(record).chain((events) => fc.tuple(fc.constant(events), fc.subarray(events))),
        ([events, again]) => {
          expect(foldJob([...events, ...again])).toEqual(foldJob(events));
        },
      ),
    );
  });

  test('counts an event that cannot be read, and trusts its subject that the job has ended', () => {
    const [requested, started] = record([
      { type: 'JobRequested', data: REQUEST },
      { type: 'JobStarted', data: { attempt: 1, executor_id: 'e' } },
    ]);
    if (!requested || !started) throw new Error('nothing recorded');
    const withUnread = (type: UnreadEvent['type'], version = 99) =>
      foldJob(Object.assign([requested, started], { unread: [{ version, type }] }));
    const state = foldJob([requested, started]);
    expect(withUnread(undefined)).toEqual({ ...state, version: 99 });
    expect(withUnread('JobProgressed', 1)).toEqual(state);
    const endings = ['JobSucceeded', 'JobFailed', 'JobCanceled', 'JobExpired'] as const;
    expect(endings.map((type) => withUnread(type)?.phase.value.status)).toEqual([
      'succeeded',
      'failed',
      'canceled',
      'expired',
    ]);
    expect(foldJob(Object.assign([], { unread: [{ version: 9, type: undefined }] }))).toBeUndefined();
  });

  test('may be split over two readers that merge what each has seen', () => {
    fc.assert(
      fc.property(
        anyFacts.map(record).chain((events) => fc.tuple(fc.constant(events), fc.array(fc.boolean()))),
        ([events, sides]) => {
          const left = foldJob(events.filter((_, index) => sides[index]));
          const right = foldJob(events.filter((_, index) => !sides[index]));
          const merged = left && right ? mergeJobStates(left, right) : (left ?? right);
          expect(merged).toEqual(foldJob(events));
        },
      ),
    );
  });

  test('needs only the last event of each type', () => {
    fc.assert(
      fc.property(anyFacts.map(record), (events) => {
        const last = new Map(events.map((recorded) => [recorded.event.type, recorded]));
        expect(foldJob(last.values())).toEqual(foldJob(events));
      }),
    );
  });

  test('has the version and time of the newest event', () => {
    const events = record([
      { type: 'JobRequested', data: REQUEST },
      { type: 'JobStarted', data: { attempt: 1, executor_id: 'e' } },
    ]);
    expect(foldJob(events)).toMatchObject({ ...REF, version: 13, updatedAt: '2026-01-01T00:00:01.000Z' });
  });
});

describe('each event', () => {
  const requested = { type: 'JobRequested', data: REQUEST } as const;
  const started = { type: 'JobStarted', data: { attempt: 1, executor_id: 'e-1' } } as const;
  const progressed = { type: 'JobProgressed', data: { attempt: 1, percent: 40, message: 'May' } } as const;
  const error = { code: 'broken', message: 'It broke.' };

  test('JobRequested queues the job and leaves its input in the log', () => {
    const state = foldJob(record([requested]));
    expect(state?.phase.value).toEqual({ status: 'queued', nextAt: null, finishedAt: null });
    expect(state?.request.value?.data).not.toHaveProperty('input');
    expect(state?.request.value?.data.metadata).toEqual({ order: '7' });
  });

  test('JobStarted makes it run and clears the progress of an earlier attempt', () => {
    const again = { type: 'JobStarted', data: { attempt: 2, executor_id: 'e-2' } } as const;
    const state = foldJob(record([requested, started, progressed, again]));
    expect(state?.phase.value.status).toBe('running');
    expect(state?.attempt.value).toEqual({
      number: 2,
      executorId: 'e-2',
      startedAt: '2026-01-01T00:00:03.000Z',
    });
    expect(state?.progress.value).toBeNull();
  });

  test('JobProgressed is kept with its time', () => {
    const state = foldJob(record([requested, started, progressed]));
    expect(state?.progress.value).toEqual({
      percent: 40,
      message: 'May',
      updatedAt: '2026-01-01T00:00:02.000Z',
    });
  });

  test('JobRetrying queues the job again, with the reason and the time of the next attempt', () => {
    const retry_at = '2026-01-01T00:05:00.000Z';
    const state = foldJob(
      record([requested, started, { type: 'JobRetrying', data: { attempt: 1, error, retry_at } }]),
    );
    expect(state?.phase.value).toEqual({ status: 'queued', nextAt: retry_at, finishedAt: null });
    expect(state?.outcome.value.errors).toEqual([error]);
  });

  test('JobDue ends the wait', () => {
    const retry_at = '2026-01-01T00:05:00.000Z';
    const state = foldJob(
      record([
        requested,
        started,
        { type: 'JobRetrying', data: { attempt: 1, error, retry_at } },
        { type: 'JobDue', data: { reason: 'retry' } },
      ]),
    );
    expect(state?.phase.value).toEqual({ status: 'queued', nextAt: null, finishedAt: null });
  });

  test('JobCancelRequested is a flag, not a status', () => {
    const state = foldJob(record([requested, started, { type: 'JobCancelRequested', data: { by: 'k' } }]));
    expect(state?.cancelRequested.value).toBe('k');
    expect(state?.phase.value.status).toBe('running');
  });

  test.each([
    [
      { type: 'JobSucceeded', data: { attempt: 1, result: { sum: 3 }, duration_ms: 5 } },
      'succeeded',
      { sum: 3 },
      [],
    ],
    [{ type: 'JobFailed', data: { attempt: 1, error, duration_ms: 5 } }, 'failed', null, [error]],
    [{ type: 'JobCanceled', data: { by: 'k' } }, 'canceled', null, []],
    [
      { type: 'JobExpired', data: { deadline: 'start_by' } },
      'expired',
      null,
      [{ code: 'expired', message: "The job's start_by passed." }],
    ],
  ] as const)('$type ends the job', (ending, status, result, errors) => {
    const state = foldJob(record([requested, started, ending]));
    expect(state?.phase.value).toEqual({ status, nextAt: null, finishedAt: '2026-01-01T00:00:02.000Z' });
    expect(state?.outcome.value).toEqual({ result, errors });
    expect(isEnded(state?.phase.value.status ?? null)).toBe(true);
  });
});

test('a state without JobRequested knows no status', () => {
  const [progress] = record([{ type: 'JobProgressed', data: { attempt: 1, percent: 1 } }]);
  if (!progress) throw new Error('no event');
  expect(evolve(undefined, progress).phase.value.status).toBeNull();
});
