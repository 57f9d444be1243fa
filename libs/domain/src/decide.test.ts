import type { JobEventOf, JobFact } from '@errand/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyCommand, decidedFacts, REQUEST, record } from '../test/arbitrary-history.ts';
import { type Command, decide } from './decide.ts';
import { foldJob, isEnded } from './job.ts';
import type { Operation } from './operation.ts';
import { requestIn } from './request.ts';

const requested: JobFact = { type: 'JobRequested', data: REQUEST };
const started = (attempt: number): JobFact => ({ type: 'JobStarted', data: { attempt, executor_id: 'e' } });
const succeeded: JobFact = { type: 'JobSucceeded', data: { attempt: 1, result: 1, duration_ms: 1 } };
const error = { code: 'broken', message: 'It broke.' };

const retryAt = '2026-01-01T00:01:00.000Z';
const retrying: JobFact = { type: 'JobRetrying', data: { attempt: 1, error, retry_at: retryAt } };
const cancelRequested: JobFact = { type: 'JobCancelRequested', data: { by: 'amy' } };
const handedOver: JobFact = {
  type: 'JobDue',
  data: { reason: 'retry', contract_id: 'c1', handed_over_by: 'e' },
};
const canceled = (by: string): JobFact => ({ type: 'JobCanceled', data: { by } });
const later: JobFact = { type: 'JobRequested', data: { ...REQUEST, start_after: retryAt } };
const impatient: JobFact = { type: 'JobRequested', data: { ...REQUEST, start_by: retryAt } };

const deferred = {
  type: 'JobDeferred',
  data: { attempt: 1, until: retryAt, operation: 'https://a.example/1' },
} as const;
const { contract_id: _, ...OLD } = REQUEST;
const old: JobFact = { type: 'JobRequested', data: OLD };
const oldLater: JobFact = { type: 'JobRequested', data: { ...OLD, start_after: retryAt } };
const adopted = { type: 'JobDue', data: { reason: 'update', contract_id: 'c2' } } as const;
const wokenOld: JobFact = { type: 'JobDue', data: { reason: 'start_after', contract_id: 'c2' } };

const FINISH_BY = Date.parse(REQUEST.finish_by);
const request: Command = { type: 'requestJob', request: REQUEST };
const start: Command = { type: 'startAttempt', executorId: 'e', maxAttempts: 2 };
const progress: Command = { type: 'reportProgress', attempt: 1, percent: 5 };
const succeed: Command = { type: 'succeedAttempt', attempt: 1, result: 1, durationMs: 1 };
const fail: Command = { type: 'failAttempt', attempt: 1, error, durationMs: 1 };
const retry: Command = { type: 'retryAttempt', attempt: 1, error, retryAt };
const handOver: Command = { type: 'handOverAttempt', attempt: 1, executorId: 'e' };
const defer: Command = {
  type: 'deferAttempt',
  attempt: 1,
  until: retryAt,
  operation: 'https://a.example/1',
};
const adopt: Command = { type: 'adoptJob', contractId: 'c2' };
const stop: Command = { type: 'stopAttempt', attempt: 1 };
const wake: Command = { type: 'wakeJob' };
const turn: Command = { type: 'giveTurn' };
const cancel: Command = { type: 'cancelJob', by: 'bob', reason: 'wrong roof' };
const expire = (nowMs: number): Command => ({ type: 'expireJob', nowMs });

const carry = (fact: JobFact, operation?: Operation) => {
  const request = requestIn(record([fact]));
  if (!request) throw new Error('no request');
  return { type: 'carryJob', request, operation } as const;
};
const carried = (about: Partial<JobEventOf<'JobCarried'>['data']>): JobFact => ({
  type: 'JobCarried',
  data: {
    requested_at: '2026-01-01T00:00:00.000Z',
    request: { ...REQUEST, ...(about.attempt === undefined ? { start_after: retryAt } : {}) },
    attempt: 0,
    next_at: retryAt,
    errors: [],
    ...about,
  },
});

const progressed: JobFact = { type: 'JobProgressed', data: { attempt: 1, percent: 5 } };
const called: JobFact = { type: 'JobDeferred', data: { ...deferred.data, waits_for: 'callback' } };
const calledAgain: JobFact = { type: 'JobDeferred', data: { ...called.data, attempt: 2 } };
const carriedDeferred = carried({
  attempt: 0,
  started_at: '2026-01-01T00:00:01.000Z',
  next_at: retryAt,
  operation: 'https://a.example/1',
  began_at: retryAt,
  deferred: { executor_id: 'e' },
  progress: { percent: 5, message: null, updated_at: '2026-01-01T00:00:02.000Z' },
});

const given = (facts: JobFact[], command: Command) => decide(command, foldJob(record(facts)));

describe('allowed', () => {
  test.each([
    ['a request of an unknown job', [], request, requested],
    ['the first attempt of a queued job', [requested], start, started(1)],
    ['the next attempt of a job that nobody finished', [requested, started(1)], start, started(2)],
    [
      'an attempt in isolation, where that is asked for',
      [requested, started(1)],
      { ...start, isolated: true },
      { type: 'JobStarted', data: { attempt: 2, executor_id: 'e', isolated: true } },
    ],
    ['the next attempt of a job that waited', [requested, started(1), retrying], start, started(2)],
    [
      'progress of the current attempt',
      [requested, started(1)],
      progress,
      { type: 'JobProgressed', data: { attempt: 1, percent: 5 } },
    ],
    ['success of the current attempt', [requested, started(1)], succeed, succeeded],
    ['success although cancel was requested', [requested, started(1), cancelRequested], succeed, succeeded],
    [
      'failure of the current attempt',
      [requested, started(1)],
      fail,
      { type: 'JobFailed', data: { attempt: 1, error, duration_ms: 1 } },
    ],
    ['a retry of the current attempt', [requested, started(1)], retry, retrying],
    ['handing over the current attempt', [requested, started(1)], handOver, handedOver],
    ['the same attempt anew, once handed over', [requested, started(1), handedOver], start, started(1)],
    [
      'the same attempt anew, once handed over after a failure',
      [requested, started(1), retrying, dueFor('retry'), started(2), handedOver],
      start,
      started(2),
    ],
    [
      'the next attempt of a job that failed after it was handed over',
      [requested, started(1), handedOver, started(1), retrying, dueFor('retry')],
      start,
      started(2),
    ],
    [
      'the next attempt of a job that nobody finished after it was handed over',
      [requested, started(1), handedOver, started(1)],
      start,
      started(2),
    ],
    [
      'handing over a canceled attempt ends it',
      [requested, started(1), cancelRequested],
      handOver,
      canceled('amy'),
    ],
    ['a waiting job, carried on', [later], carry(later), carried({ next_at: retryAt })],
    [
      'a job that waits for its turn, carried on',
      [requested],
      { ...carry(requested), heldSince: retryAt },
      carried({ attempt: 0, next_at: retryAt }),
    ],
    [
      'a job that waits for another attempt, with what is used up and its operation',
      [requested, started(1), deferred, dueFor('deferred'), retrying],
      carry(requested, { address: 'https://a.example/1', beganAt: retryAt }),
      carried({
        attempt: 1,
        started_at: '2026-01-01T00:00:01.000Z',
        next_at: retryAt,
        errors: [error],
        operation: 'https://a.example/1',
        began_at: retryAt,
      }),
    ],
    [
      'a job whose attempt waits for something outside, with what that attempt is',
      [requested, started(1), progressed, deferred],
      carry(requested, { address: 'https://a.example/1', beganAt: retryAt }),
      carriedDeferred,
    ],
    ['the same attempt of one that was carried', [carriedDeferred, dueFor('deferred')], start, started(1)],
    [
      'the next attempt of one that was carried, and that nobody finished',
      [carriedDeferred, dueFor('deferred'), started(1)],
      start,
      started(2),
    ],
    ['success of the attempt of one that was carried', [carriedDeferred], succeed, succeeded],
    [
      'a running job that has left the log, brought back',
      [requested, started(1), cancelRequested],
      { ...carry(requested), leftAt: retryAt },
      carried({ attempt: 1, started_at: '2026-01-01T00:00:01.000Z', next_at: retryAt }),
    ],
    ['the end of a wait for the next attempt', [requested, started(1), retrying], wake, dueFor('retry')],
    ['the turn of a queued job', [requested], turn, dueFor('turn')],
    ['the end of a wait for the first attempt', [later], wake, dueFor('start_after')],
    ['deferring the current attempt', [requested, started(1)], defer, deferred],
    [
      'deferring it further',
      [requested, started(1)],
      { ...defer, beganAt: retryAt },
      { type: 'JobDeferred', data: { ...deferred.data, began_at: retryAt } },
    ],
    [
      'a cancel of a queued job that has an operation outside',
      [requested, started(1), deferred, dueFor('deferred')],
      { ...cancel, hasOperation: true },
      { type: 'JobCancelRequested', data: { by: 'bob', reason: 'wrong roof' } },
    ],
    [
      'the end of the wait of a deferred attempt',
      [requested, started(1), deferred],
      wake,
      dueFor('deferred'),
    ],
    [
      'the same attempt, once what it waited for may be there',
      [requested, started(1), deferred, dueFor('deferred')],
      start,
      started(1),
    ],
    [
      'the next attempt of one that was gone on with and that nobody finished',
      [requested, started(1), deferred, dueFor('deferred'), started(1)],
      start,
      started(2),
    ],
    ['adopting a queued job of before contracts had ids', [old], adopt, adopted],
    [
      'adopting a running one, which takes it over without using its attempt up',
      [old, started(1)],
      adopt,
      { type: 'JobDue', data: { ...adopted.data, handed_over_by: 'e' } },
    ],
    ['waking a job of before contracts had ids', [oldLater], { ...wake, contractId: 'c2' }, wokenOld],
    ['canceling a queued job, at once', [requested], cancel, canceled('bob')],
    ['canceling a waiting job, at once', [requested, started(1), retrying], cancel, canceled('bob')],
    [
      'canceling a running job, by asking its executor',
      [requested, started(1)],
      cancel,
      { type: 'JobCancelRequested', data: { by: 'bob', reason: 'wrong roof' } },
    ],
    ['stopping a canceled attempt', [requested, started(1), cancelRequested], stop, canceled('amy')],
    [
      'a retry of a canceled attempt ends it',
      [requested, started(1), cancelRequested],
      retry,
      canceled('amy'),
    ],
    ['a start of a canceled job ends it', [requested, started(1), cancelRequested], start, canceled('amy')],
    ['expiry of a queued job past finish_by', [requested], expire(FINISH_BY), expired('finish_by')],
    [
      'expiry of a running job past finish_by',
      [requested, started(1)],
      expire(FINISH_BY),
      expired('finish_by'),
    ],
    ['expiry of a job not begun by start_by', [impatient], expire(Date.parse(retryAt)), expired('start_by')],
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
    ['progress before the first attempt', [requested], progress, 'not_the_current_attempt'],
    ['progress of a waiting job', [requested, started(1), retrying], progress, 'not_the_current_attempt'],
    ['a wake of a job that does not wait', [requested], wake, 'not_waiting'],
    ['a turn of a job that waits', [requested, started(1), retrying], turn, 'not_waiting'],
    ['a turn of a running job', [requested, started(1)], turn, 'not_waiting'],
    ['a wake of a running job', [requested, started(1)], wake, 'not_waiting'],
    ['a second wake', [requested, started(1), retrying, dueFor('retry')], wake, 'not_waiting'],
    ['a second cancel', [requested, started(1), cancelRequested], cancel, 'cancel_already_requested'],
    ['carrying a job that does not wait', [requested], carry(requested), 'not_waiting'],
    ['carrying a running job', [requested, started(1)], carry(requested), 'not_waiting'],
    [
      'carrying a running job that was held',
      [requested, started(1)],
      { ...carry(requested), heldSince: retryAt },
      'not_waiting',
    ],
    [
      'carrying a job that is to be canceled',
      [later, cancelRequested],
      carry(later),
      'cancel_already_requested',
    ],
    ['a stop that nobody asked for', [requested, started(1)], stop, 'cancel_not_requested'],
    ['expiry before finish_by', [requested], expire(FINISH_BY - 1), 'not_overdue'],
    ['expiry past start_by once begun', [impatient, started(1)], expire(Date.parse(retryAt)), 'not_overdue'],
  ] as [string, JobFact[], Command, string][])('%s', (_, facts, command, reason) => {
    expect(given(facts, command)).toEqual({ kind: 'rejected', reason });
  });

  const ofAttempt = [progress, succeed, fail, retry, handOver, stop];
  test.each(ofAttempt)('$type of an earlier attempt', (command) => {
    const decision = given([requested, started(1), started(2), cancelRequested], command);
    expect(decision).toEqual({ kind: 'rejected', reason: 'not_the_current_attempt' });
  });

  const ofKnown = [...ofAttempt, start, wake, turn, carry(requested), cancel, expire(FINISH_BY)];
  test.each(ofKnown)('$type of an unknown job', (command) => {
    expect(given([], command)).toEqual({ kind: 'rejected', reason: 'unknown_job' });
  });

  const endings = [
    succeeded,
    { type: 'JobFailed', data: { attempt: 1, error, duration_ms: 1 } },
    canceled('amy'),
    expired('finish_by'),
  ] as JobFact[];
  test.each(endings.flatMap((ending) => ofKnown.map((command) => ({ ending, command }))))(
    '$command.type after $ending.type',
    ({ ending, command }) => {
      const decision = given([requested, started(1), ending], command);
      expect(decision).toEqual({ kind: 'rejected', reason: 'already_ended' });
    },
  );
});

function dueFor(reason: string): JobFact {
  return { type: 'JobDue', data: { reason, contract_id: 'c1' } };
}

function expired(deadline: 'start_by' | 'finish_by'): JobFact {
  return { type: 'JobExpired', data: { deadline } };
}

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

test.each([
  ['for its start', [later]],
  ['for its next attempt', [requested, started(1), progressed, retrying]],
  ['for an operation outside', [requested, started(1), progressed, deferred]],
  ['for a call from outside', [requested, started(1), called]],
  ['outside, after a failure', [requested, started(1), retrying, dueFor('retry'), started(2), calledAgain]],
] as [string, JobFact[]][])('a job that waits %s is the same job once it is carried', (_, facts) => {
  const events = record(facts);
  const before = foldJob(events);
  const carrying = decide(carry(facts[0] ?? requested), before);
  expect(carrying.kind).toBe('fact');
  if (carrying.kind !== 'fact') return;
  // Behind its earlier events, and once these have left the log.
  const [behind, alone] = [facts, []].map((left) => foldJob(record([...left, carrying.fact])));
  expect(alone).toMatchObject({
    phase: { value: before?.phase.value },
    attempt: { value: { number: before?.attempt.value.number } },
    progress: { value: before?.progress.value },
    outcome: { value: before?.outcome.value },
  });
  const afterwards: [JobFact[], Command][] = [
    [[dueFor('deferred')], start],
    [[dueFor('deferred')], wake],
    [[], expire(FINISH_BY)],
  ];
  for (const [more, command] of afterwards) {
    const expected = decide(command, foldJob(record([...facts, ...more])));
    expect(decide(command, foldJob(record([carrying.fact, ...more])))).toEqual(expected);
  }
  fc.assert(
    fc.property(anyCommand, (command) => {
      expect(decide(command, behind)).toEqual(decide(command, before));
      expect(decide(command, alone)).toEqual(decide(command, before));
    }),
  );
});

test('a start is numbered after the used-up attempts, which never exceed the limit', () => {
  fc.assert(
    fc.property(decidedFacts, (facts) => {
      let usedUp = 0;
      let isUnderWay = false;
      for (const fact of facts) {
        if (fact.type === 'JobStarted') {
          // Its executor died without notice.
          if (isUnderWay) usedUp += 1;
          expect(fact.data.attempt).toBe(usedUp + 1);
          expect(usedUp).toBeLessThan(3);
          isUnderWay = true;
        } else if (fact.type === 'JobRetrying') {
          usedUp += 1;
          isUnderWay = false;
        } else if (fact.type === 'JobDue') {
          // A hand-over or the end of a wait: nothing is used up.
          isUnderWay = false;
        }
      }
    }),
  );
});
