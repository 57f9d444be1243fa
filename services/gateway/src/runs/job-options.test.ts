import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JobOptions, jobTimesOf } from './job-options.ts';

const HOUR_MS = 3_600_000;
const nowMs = Date.UTC(2026, 0, 1, 12);
const context = { nowMs, maxLifeMs: 47 * HOUR_MS, defaultLifeMs: 24 * HOUR_MS };
const at = (hours: number) => new Date(nowMs + hours * HOUR_MS).toISOString();

test('a job that says nothing may take the default life', () => {
  expect(jobTimesOf({}, context)).toEqual({ kind: 'times', times: { finish_by: at(24) } });
});

test('deadlines count from the request', () => {
  expect(jobTimesOf({ start_by_s: 3_600, finish_by_s: 7_200 }, context)).toEqual({
    kind: 'times',
    times: { start_by: at(1), finish_by: at(2) },
  });
});

test('deadlines count from start_after, which is read in any offset', () => {
  const options = { start_after: '2026-01-01T16:00:00+01:00', start_by_s: 3_600, finish_by_s: 7_200 };
  expect(jobTimesOf(options, context)).toEqual({
    kind: 'times',
    times: { start_after: at(3), start_by: at(4), finish_by: at(5) },
  });
});

test('a start_after of the past is at once', () => {
  expect(jobTimesOf({ start_after: at(-1), finish_by_s: 3_600 }, context)).toEqual({
    kind: 'times',
    times: { finish_by: at(1) },
  });
});

test('the default life of a late start is cut to the longest one', () => {
  expect(jobTimesOf({ start_after: at(40) }, context)).toMatchObject({ times: { finish_by: at(47) } });
});

test('what leads past the longest life is named', () => {
  const named = (options: Parameters<typeof jobTimesOf>[0]) => {
    const result = jobTimesOf(options, context);
    return result.kind === 'invalid' ? result.errors.map(({ pointer, code }) => `${pointer} ${code}`) : [];
  };
  expect(named({ start_after: at(47) })).toEqual(['#/_job/start_after maximum']);
  expect(named({ start_after: at(46), start_by_s: 3_601 })).toEqual(['#/_job/start_by_s maximum']);
  expect(named({ finish_by_s: 47 * 3_600 + 1 })).toEqual(['#/_job/finish_by_s maximum']);
  expect(named({ finish_by_s: Number.MAX_SAFE_INTEGER })).toEqual(['#/_job/finish_by_s maximum']);
  expect(named({ finish_by_s: 47 * 3_600 })).toEqual([]);
});

test('whatever is accepted lies between the request and the longest life', () => {
  const seconds = fc.option(fc.integer({ min: 1, max: 60 * 3_600 }), { nil: undefined });
  fc.assert(
    fc.property(fc.integer({ min: -5, max: 60 }), seconds, seconds, (hours, startBy, finishBy) => {
      const result = jobTimesOf(
        {
          start_after: at(hours),
          ...(startBy && { start_by_s: startBy }),
          ...(finishBy && { finish_by_s: finishBy }),
        },
        context,
      );
      const instants = result.kind === 'times' ? Object.values(result.times) : [];
      for (const instant of instants) {
        expect(instant > at(0) && instant <= at(47), instant).toBe(true);
      }
    }),
  );
});

test.each([
  [{ start_after: 'tomorrow' }],
  [{ start_after: '2026-01-01' }],
  [{ start_by_s: 0 }],
  [{ finish_by_s: 1.5 }],
  [{ finish_by_s: '60' }],
  [{ metadata: { order: 'a\u0000b' } }],
  [{ priority: 10 }],
  [{ webhook: null }],
  [{ colour: 'red' }],
])('the options %j are refused', (options) => {
  expect(JobOptions.safeParse(options).success).toBe(false);
});
