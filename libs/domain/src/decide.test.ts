import type { JobFact } from '@errand/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decidedFacts, REQUEST, record } from './arbitrary-history.ts';
import { type Command, decide } from './decide.ts';
import { foldJob, isEnded } from './job.ts';

const requested: JobFact = { type: 'JobRequested', data: REQUEST };
const started = (attempt: number): JobFact => ({ type: 'JobStarted', data: { attempt, executor_id: 'e' } });
const succeeded: JobFact = { type: 'JobSucceeded', data: { attempt: 1, result: 1, duration_ms: 1 } };
const error = { code: 'broken', message: 'It broke.' };

const request: Command = { type: 'requestJob', request: REQUEST };
const start: Command = { type: 'startAttempt', executorId: 'e', maxAttempts: 2 };
const progress: Command = { type: 'reportProgress', attempt: 1, percent: 5 };
const succeed: Command = { type: 'succeedAttempt', attempt: 1, result: 1, durationMs: 1 };
const fail: Command = { type: 'failAttempt', attempt: 1, error, durationMs: 1 };

const given = (facts: JobFact[], command: Command) => decide(command, foldJob(record(facts)));

describe('allowed', () => {
  test.each([
    ['a request of an unknown job', [], request, requested],
    ['the first attempt of a queued job', [requested], start, started(1)],
    ['the next attempt of a job that nobody finished', [requested, started(1)], start, started(2)],
    [
      'progress of the current attempt',
      [requested, started(1)],
      progress,
      { type: 'JobProgressed', data: { attempt: 1, percent: 5 } },
    ],
    ['success of the current attempt', [requested, started(1)], succeed, succeeded],
    [
      'failure of the current attempt',
      [requested, started(1)],
      fail,
      { type: 'JobFailed', data: { attempt: 1, error, duration_ms: 1 } },
    ],
  ] as [string, JobFact[], Command, JobFact][])('%s', (_, facts, command, fact) => {
    expect(given(facts, command)).toEqual({ kind: 'fact', fact });
  });

  test('a job whose attempts are used up fails instead of starting again', () => {
    expect(given([requested, started(1), started(2)], start)).toMatchObject({
      kind: 'fact',
      fact: { type: 'JobFailed', data: { attempt: 2, error: { code: 'attempts_exhausted' } } },
    });
  });
});

describe('refused', () => {
  test.each([
    ['a second request', [requested], request, 'already_requested'],
    ['an attempt of an unknown job', [], start, 'unknown_job'],
    ['progress of an unknown job', [], progress, 'unknown_job'],
    ['progress before the first attempt', [requested], progress, 'not_the_current_attempt'],
    [
      'progress of an earlier attempt',
      [requested, started(1), started(2)],
      progress,
      'not_the_current_attempt',
    ],
    [
      'success of an earlier attempt',
      [requested, started(1), started(2)],
      succeed,
      'not_the_current_attempt',
    ],
    ['failure of an earlier attempt', [requested, started(1), started(2)], fail, 'not_the_current_attempt'],
    ['an attempt after the end', [requested, started(1), succeeded], start, 'already_ended'],
    ['progress after the end', [requested, started(1), succeeded], progress, 'already_ended'],
    ['a second ending', [requested, started(1), succeeded], fail, 'already_ended'],
  ] as [string, JobFact[], Command, string][])('%s', (_, facts, command, reason) => {
    expect(given(facts, command)).toEqual({ kind: 'rejected', reason });
  });
});

test('whatever is decided, a job is requested once, ends at most once and gets nothing after its end', () => {
  fc.assert(
    fc.property(decidedFacts, (facts) => {
      const statuses = record(facts).map(
        (_, index, all) => foldJob(all.slice(0, index + 1))?.phase.value.status,
      );
      const endedAt = statuses.findIndex((status) => isEnded(status ?? null));
      expect(facts.filter(({ type }) => type === 'JobRequested').length).toBeLessThanOrEqual(1);
      if (endedAt >= 0) expect(endedAt).toBe(facts.length - 1);
    }),
  );
});

test('attempts are numbered 1, 2, 3 and never exceed what is allowed', () => {
  fc.assert(
    fc.property(decidedFacts, (facts) => {
      const attempts = facts.flatMap((fact) => (fact.type === 'JobStarted' ? [fact.data.attempt] : []));
      expect(attempts).toEqual([1, 2, 3].slice(0, attempts.length));
    }),
  );
});
