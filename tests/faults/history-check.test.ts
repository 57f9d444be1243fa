import type { JobFact, RecordedEvent } from '@errand/contracts';
import { REQUEST, record } from '@errand/domain/testing';
import { describe, expect, test } from 'vitest';
import { checkHistory } from './history-check.ts';

const requested: JobFact = { type: 'JobRequested', data: REQUEST };
const started = (attempt: number, executor_id = 'host-7-0a1b2c3d'): JobFact => ({
  type: 'JobStarted',
  data: { attempt, executor_id },
});
const progressed = (attempt: number, message = 'pid 7'): JobFact => ({
  type: 'JobProgressed',
  data: { attempt, percent: 50, message },
});
const retrying = (attempt: number, retry_at = '2026-01-01T00:00:04.000Z'): JobFact => ({
  type: 'JobRetrying',
  data: { attempt, error: { code: 'action_failed', message: 'It failed.' }, retry_at },
});
const due: JobFact = { type: 'JobDue', data: { reason: 'retry', contract_id: 'c1' } };
const cancelRequested: JobFact = { type: 'JobCancelRequested', data: { by: 'amy' } };
const canceled: JobFact = { type: 'JobCanceled', data: { by: 'amy' } };
const succeeded = (attempt: number, pid = '7'): JobFact => ({
  type: 'JobSucceeded',
  data: { attempt, result: { pid }, duration_ms: 5 },
});
const exhausted = (attempt: number): JobFact => ({
  type: 'JobFailed',
  data: {
    attempt,
    error: { code: 'attempts_exhausted', message: 'No attempt finished.' },
    duration_ms: 0,
  },
});

const kinds = (facts: JobFact[], maxAttempts = 3) => kindsOf(record(facts), maxAttempts);
const kindsOf = (events: RecordedEvent[], maxAttempts = 3) =>
  checkHistory(events, { maxAttempts }).map(({ kind }) => kind);

describe('the history check finds nothing wrong', () => {
  test.each<[string, JobFact[]]>([
    ['in a job that succeeds', [requested, started(1), progressed(1), succeeded(1)]],
    // In the test's log, JobDue is at second three.
    [
      'in a retry',
      [requested, started(1), retrying(1, '2026-01-01T00:00:03.000Z'), due, started(2), succeeded(2)],
    ],
    ['in a takeover', [requested, started(1, 'host-6-00'), progressed(1, 'pid 6'), started(2), succeeded(2)]],
    ['in a cancel before the start', [requested, canceled]],
    ['in a cancel of a running job', [requested, started(1), cancelRequested, canceled]],
    ['in a success in spite of a cancel', [requested, started(1), cancelRequested, succeeded(1)]],
    ['in a job whose executors all died', [requested, started(1), started(2), started(3), exhausted(3)]],
  ])('%s', (_, facts) => {
    expect(kinds(facts)).toEqual([]);
  });

  test('in events that come in a different order than they were stored', () => {
    expect(kindsOf(record([requested, started(1), succeeded(1)]).reverse())).toEqual([]);
  });
});

describe('the history check finds', () => {
  test.each<[string, JobFact[], string[]]>([
    ['a job that has not ended', [requested, started(1)], ['not_ended']],
    ['a second ending', [requested, started(1), succeeded(1), canceled], ['second_ending']],
    ['an event after the ending', [requested, canceled, started(1)], ['event_after_ending', 'not_ended']],
    ['a second request', [requested, requested, canceled], ['undecidable', 'not_one_request']],
    ['no request', [started(1), succeeded(1)], ['undecidable', 'not_one_request']],
    ['a skipped attempt', [requested, started(2), succeeded(2)], ['undecidable']],
    ['an ending of no attempt', [requested, succeeded(1)], ['superseded_attempt']],
    [
      'an ending by a fenced executor',
      [requested, started(1), started(2), succeeded(1)],
      ['superseded_attempt'],
    ],
    [
      'a progress by a fenced executor',
      [requested, started(1), started(2), progressed(1), succeeded(2)],
      ['superseded_attempt'],
    ],
    [
      'an attempt after a cancel',
      [requested, started(1), cancelRequested, started(2), succeeded(2)],
      ['undecidable'],
    ],
    ['a cancel that nobody asked for', [requested, started(1), canceled], ['undecidable']],
    [
      'an attempt during a wait',
      [requested, started(1), retrying(1), started(2), succeeded(2)],
      ['begun_while_waiting'],
    ],
    [
      'a wait that ended early',
      [requested, started(1), retrying(1), due, started(2), succeeded(2)],
      ['due_early'],
    ],
    ['a wake-up of a job that does not wait', [requested, due, started(1), succeeded(1)], ['undecidable']],
    [
      'an attempt too many',
      [requested, started(1), started(2), started(3), started(4), succeeded(4)],
      ['undecidable'],
    ],
    ['a giving up too soon', [requested, started(1), started(2), exhausted(2)], ['undecidable']],
    ['a result of another process', [requested, started(1), succeeded(1, '8')], ['foreign_executor']],
    [
      'a progress of another process',
      [requested, started(1), progressed(1, 'pid 8'), succeeded(1)],
      ['foreign_executor'],
    ],
  ])('%s', (_, facts, wrong) => {
    expect(kinds(facts)).toEqual(wrong);
  });
});
