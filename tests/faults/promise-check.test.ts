import type { JobFact, JobSummary } from '@errand/contracts';
import { foldJob } from '@errand/domain';
import { REF, REQUEST, record } from '@errand/domain/testing';
import { describe, expect, test } from 'vitest';
import type { AcceptedJob, CancelAnswer } from './load.ts';
import type { PlannedJob } from './plan-jobs.ts';
import { checkPromises, type Evidence } from './promise-check.ts';

const { jobId } = REF;
const OTHER_ID = '01890000-0000-7000-8000-000000000002';
const REQUEST_VERSION = 10;
/** Each event of the test's log is a second after the one before it. */
const atMs = (second: number) => Date.UTC(2026, 0, 1, 0, 0, second);

const requested: JobFact = { type: 'JobRequested', data: { ...REQUEST, metadata: { nr: '1' } } };
const started: JobFact = { type: 'JobStarted', data: { attempt: 1, executor_id: 'e' } };
const succeeded: JobFact = { type: 'JobSucceeded', data: { attempt: 1, result: {}, duration_ms: 1 } };
const cancelRequested: JobFact = { type: 'JobCancelRequested', data: { by: 'amy' } };
const canceled: JobFact = { type: 'JobCanceled', data: { by: 'amy' } };

const planned: PlannedJob = {
  nr: 1,
  atMs: 0,
  action: 'add',
  input: {},
  isKeyed: true,
  startAfterMs: undefined,
  finishByS: undefined,
  cancelAfterMs: undefined,
};

function evidenceOf(
  facts: JobFact[],
  options: { cancels?: CancelAnswer[]; planned?: Partial<PlannedJob> } = {},
): Evidence {
  const events = record(facts);
  const state = foldJob(events);
  if (!state) throw new Error('no events');
  const job: AcceptedJob = {
    planned: { ...planned, ...options.planned },
    jobId,
    version: REQUEST_VERSION,
    cancels: options.cancels ?? [],
  };
  const runs = { sent: 1, accepted: 1, replayed: 0, refused: 0, broken: 0 };
  const { version, phase } = state;
  return {
    ledger: { accepted: [job], unaccepted: [], runs, refusals: new Map() },
    log: new Map([[jobId, events]]),
    rows: new Map([[jobId, state]]),
    summaries: new Map([[jobId, { version, status: phase.value.status } as JobSummary]]),
    maxAttempts: new Map([['add', 3]]),
  };
}

const kinds = (evidence: Evidence) => checkPromises(evidence).map(({ kind }) => kind);
const whole = evidenceOf([requested, started, succeeded]);

test('the promise check finds nothing wrong in a run that kept every promise', () => {
  expect(checkPromises(whole)).toEqual([]);
});

describe('the promise check finds', () => {
  test('a request that was never accepted', () => {
    expect(kinds({ ...whole, ledger: { ...whole.ledger, unaccepted: [7] } })).toEqual(['never_accepted']);
  });

  test('an accepted job that the log does not hold', () => {
    expect(kinds({ ...whole, log: new Map() })).toEqual(['lost', 'row_of_no_job']);
  });

  test('a job that was accepted under another version than its own', () => {
    const accepted = whole.ledger.accepted.map((job) => ({ ...job, version: 11 }));
    expect(kinds({ ...whole, ledger: { ...whole.ledger, accepted } })).toEqual(['other_version']);
  });

  test('a status call that does not know the job, or differs from the log', () => {
    expect(kinds({ ...whole, summaries: new Map([[jobId, 404]]) })).toEqual(['no_status']);
    const stale = { version: REQUEST_VERSION, status: 'queued' } as JobSummary;
    expect(kinds({ ...whole, summaries: new Map([[jobId, stale]]) })).toEqual(['wrong_status']);
  });

  test('a row that is missing, differs, or is of no job', () => {
    expect(kinds({ ...whole, rows: new Map() })).toEqual(['no_row']);
    const [row] = [...whole.rows.values()];
    if (!row) throw new Error('no row');
    const forgetful = { ...row, attempt: { ...row.attempt, version: 0 } };
    expect(kinds({ ...whole, rows: new Map([[jobId, forgetful]]) })).toEqual(['wrong_row']);
    const surplus = new Map([...whole.rows, [OTHER_ID, row]]);
    expect(kinds({ ...whole, rows: surplus })).toEqual(['row_of_no_job']);
  });

  test('a history that no writer may write', () => {
    expect(kinds(evidenceOf([requested, started, succeeded, canceled]))).toEqual(['second_ending']);
  });

  test('an ending that the action never has and that nobody asked for', () => {
    expect(kinds(evidenceOf([requested, canceled]))).toEqual(['wrong_ending']);
    const hopeless = evidenceOf([requested, started, succeeded], { planned: { action: 'hopeless' } });
    expect(kinds(hopeless)).toEqual(['wrong_ending']);
  });

  test('a key that made two jobs', () => {
    const events = record([requested, canceled]).map((each) => ({
      ...each,
      ref: { ...REF, jobId: OTHER_ID },
    }));
    const state = foldJob(events);
    if (!state) throw new Error('no events');
    const log = new Map([...whole.log, [OTHER_ID, events] as const]);
    expect(kinds({ ...whole, log, rows: new Map([...whole.rows, [OTHER_ID, state]]) })).toEqual([
      'key_used_twice',
    ]);
  });
});

describe('a cancel that was answered', () => {
  const verdicts = (facts: JobFact[], ...cancels: CancelAnswer[]) => kinds(evidenceOf(facts, { cancels }));

  test('200 is right for a job that was canceled by then', () => {
    expect(verdicts([requested, canceled], { status: 200, atMs: atMs(1) })).toEqual([]);
    expect(verdicts([requested, canceled], { status: 200, atMs: atMs(0) })).toEqual(['wrong_cancel']);
    expect(verdicts([requested, started, succeeded], { status: 200, atMs: atMs(9) })).toEqual([
      'wrong_cancel',
    ]);
  });

  test('202 is right if the log has the request, whichever ending won', () => {
    expect(verdicts([requested, started, cancelRequested, canceled], { status: 202, atMs: atMs(2) })).toEqual(
      [],
    );
    expect(
      verdicts([requested, started, cancelRequested, succeeded], { status: 202, atMs: atMs(2) }),
    ).toEqual([]);
    expect(verdicts([requested, started, succeeded], { status: 202, atMs: atMs(2) })).toEqual([
      'wrong_cancel',
    ]);
  });

  test('409 is right for a job that had ended by then', () => {
    expect(verdicts([requested, started, succeeded], { status: 409, atMs: atMs(2) })).toEqual([]);
    expect(verdicts([requested, started, succeeded], { status: 409, atMs: atMs(1) })).toEqual([
      'wrong_cancel',
    ]);
  });

  test('with a failure, or not at all, leaves both endings open', () => {
    const unanswered = [
      { status: undefined, atMs: atMs(1) },
      { status: 503, atMs: atMs(1) },
    ];
    expect(verdicts([requested, started, succeeded], ...unanswered)).toEqual([]);
    expect(verdicts([requested, canceled], ...unanswered)).toEqual([]);
  });

  test('otherwise is wrong', () => {
    expect(verdicts([requested, canceled], { status: 404, atMs: atMs(1) })).toEqual(['wrong_cancel']);
  });
});
