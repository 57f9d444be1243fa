import {
  type ActionContract,
  type ActionRecord,
  type JobEvent,
  type JobFact,
  type PayloadRef,
  type RecordedEvent,
  toJobEvent,
} from '@errand/contracts';
import fc from 'fast-check';
import { type Command, decide } from '../src/decide.ts';
import { evolve, type JobState } from '../src/job.ts';

/* Test-only: histories as a log could hold them. */

export const REF = { tenantId: 'acme', action: 'add', jobId: '01890000-0000-7000-8000-000000000001' };

export const REQUEST: Extract<JobEvent, { type: 'JobRequested' }>['data'] = {
  tenant_id: 'acme',
  action: 'add',
  action_version: '1',
  contract_id: 'c1',
  resource: { design_id: 'd-1' },
  input: { a: 1 },
  metadata: { order: '7' },
  source: 'api',
  requested_by: 'key',
  finish_by: '2126-01-02T00:00:00.000Z',
};

/** Puts facts into a log: versions grow, with gaps, as they do where jobs share a stream. */
export function record(facts: readonly JobFact[]): RecordedEvent[] {
  return facts.map((fact, index) => ({
    ref: REF,
    version: 10 + index * 3,
    event: toJobEvent(fact, {
      id: `01890000-0000-7000-8000-${String(index).padStart(12, '0')}`,
      jobId: REF.jobId,
      source: '/errand/test',
      timeMs: Date.UTC(2026, 0, 1) + index * 1_000,
    }),
  }));
}

const LATER = '2026-01-01T01:00:00.000Z';
const attempt = fc.integer({ min: 1, max: 4 });
const fault = fc.record({ code: fc.constantFrom('a', 'b'), message: fc.string() });

/** As it is read back from a log: JSON has no -0, for one. */
const anyJson = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown);

const result: fc.Arbitrary<{ result?: unknown; result_ref?: PayloadRef }> = fc.oneof(
  fc.record({ result: anyJson }),
  fc.record({ result: fc.record({ 'errand:result_ref': anyJson }) }),
  fc.constant({
    result_ref: {
      bucket: 'payloads',
      key: 'acme/j/1',
      bytes: 3,
      sha256: 'ab'.repeat(32),
      content_type: 'application/pdf',
    },
  }),
);

/** Any facts in any order, including ones that no writer would decide. */
export const anyFacts: fc.Arbitrary<JobFact[]> = fc.array(
  fc.oneof(
    fc.constant<JobFact>({ type: 'JobRequested', data: REQUEST }),
    fc.record({
      type: fc.constant('JobStarted' as const),
      data: fc.record({ attempt, executor_id: fc.string() }),
    }),
    fc.record({
      type: fc.constant('JobProgressed' as const),
      data: fc.record({ attempt, percent: fc.integer({ min: 0, max: 100 }) }),
    }),
    fc.record({
      type: fc.constant('JobRetrying' as const),
      data: fc.record({ attempt, error: fault, retry_at: fc.constant('2026-01-01T01:00:00.000Z') }),
    }),
    fc.constant<JobFact>({ type: 'JobDue', data: { reason: 'retry', contract_id: 'c1' } }),
    fc.constant<JobFact>({ type: 'JobDue', data: { reason: 'retry', handed_over_by: 'e' } }),
    fc.record({
      type: fc.constant('JobDeferred' as const),
      data: fc.record({ attempt, until: fc.constant(LATER), operation: fc.constant('https://a.example/1') }),
    }),
    fc.constant<JobFact>({
      type: 'JobDeferred',
      data: { attempt: 1, until: LATER, operation: 'callback:{}', waits_for: 'callback' },
    }),
    fc.record({
      type: fc.constant('JobCarried' as const),
      data: fc.record({
        requested_at: fc.constant(LATER),
        request: fc.constant(REQUEST),
        attempt: fc.nat(3),
        next_at: fc.constant(LATER),
        errors: fc.array(fault, { maxLength: 1 }),
      }),
    }),
    fc.constant<JobFact>({
      type: 'JobCarried',
      data: {
        requested_at: LATER,
        request: REQUEST,
        attempt: 1,
        next_at: LATER,
        errors: [],
        deferred: { executor_id: 'e', waits_for: 'callback' },
      },
    }),
    fc.constant<JobFact>({ type: 'JobCancelRequested', data: { by: 'key' } }),
    fc.record({
      type: fc.constant('JobSucceeded' as const),
      data: fc.tuple(attempt, result, fc.nat()).map(([number, outcome, duration_ms]) => ({
        attempt: number,
        duration_ms,
        ...outcome,
      })),
    }),
    fc.record({
      type: fc.constant('JobFailed' as const),
      data: fc.record({ attempt, error: fault, duration_ms: fc.nat() }),
    }),
    fc.constant<JobFact>({ type: 'JobCanceled', data: { by: 'key' } }),
    fc.constant<JobFact>({ type: 'JobExpired', data: { deadline: 'finish_by' } }),
  ),
  { minLength: 1, maxLength: 12 },
);

export const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  fc.constant<Command>({ type: 'requestJob', request: REQUEST }),
  fc.constant<Command>({ type: 'startAttempt', executorId: 'e', maxAttempts: 3 }),
  fc.record({
    type: fc.constant('reportProgress' as const),
    attempt,
    percent: fc.integer({ min: 0, max: 100 }),
  }),
  fc.record({ type: fc.constant('handOverAttempt' as const), attempt, executorId: fc.constant('e') }),
  fc.tuple(attempt, result, fc.nat()).map(([number, { result: inline, result_ref: ref }, durationMs]) => ({
    type: 'succeedAttempt' as const,
    attempt: number,
    ...(ref ? { resultRef: ref } : { result: inline }),
    durationMs,
  })),
  fc.constant<Command>({ type: 'wakeJob' }),
  fc.record({
    type: fc.constant('deferAttempt' as const),
    attempt,
    until: fc.constant(LATER),
    operation: fc.constant('https://a.example/1'),
  }),
  fc.constant<Command>({ type: 'cancelJob', by: 'key' }),
  fc.record({ type: fc.constant('stopAttempt' as const), attempt }),
  fc.record({ type: fc.constant('expireJob' as const), nowMs: fc.constantFrom(0, Date.UTC(2027, 0)) }),
  fc.record({
    type: fc.constant('retryAttempt' as const),
    attempt,
    error: fault,
    retryAt: fc.constant('2026-01-01T01:00:00.000Z'),
  }),
  fc.record({ type: fc.constant('failAttempt' as const), attempt, error: fault, durationMs: fc.nat() }),
);

/** What is written when arbitrary commands are decided one after the other. */
export const decidedFacts: fc.Arbitrary<JobFact[]> = fc
  .array(anyCommand, { maxLength: 30 })
  .map((commands) => {
    const facts: JobFact[] = [];
    let state: JobState | undefined;
    for (const each of commands) {
      const decision = decide(each, state);
      if (decision.kind === 'rejected') continue;
      facts.push(decision.fact);
      const newest = record(facts).at(-1);
      if (newest) state = evolve(state, newest);
    }
    return facts;
  });

/** An action's record with one contract, served, under the id of REQUEST unless it has another one. */
export function recordOf(
  contract: Omit<ActionContract, 'contract_id' | 'accepts'> & Partial<ActionContract>,
): ActionRecord {
  const at = '2026-01-01T00:00:00.000Z';
  return {
    contracts: [
      {
        contract: { contract_id: 'c1', accepts: [], ...contract },
        slot: 0,
        lease_ms: 30_000,
        first_announced_at: at,
        announced_by: 'e',
        announced_at: at,
        unserved_since: null,
        withdrawn: false,
      },
    ],
  };
}
