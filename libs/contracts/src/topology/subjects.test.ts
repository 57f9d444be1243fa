import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  eventSubject,
  jobSubjects,
  jobSubjectsOfAnyAction,
  refOfSubject,
  requestSubjects,
  workOf,
} from './subjects.ts';

const ref = { tenantId: 'acme', action: 'render', jobId: '01890000-0000-7000-8000-000000000001' };

test('a request carries its lane and its contract, other events do not', () => {
  const request = { type: 'JobRequested', data: { contract_id: 'c1' } } as const;
  expect(eventSubject(ref, request)).toBe(`jobs.acme.render.${ref.jobId}.requested.fast.c1`);
  expect(eventSubject(ref, request, 'held')).toBe(`jobs.acme.render.${ref.jobId}.requested.held.c1`);
  expect(eventSubject(ref, { type: 'JobCancelRequested' })).toBe(
    `jobs.acme.render.${ref.jobId}.cancel_requested`,
  );
});

test.each(['*', '>', 'a.b', '', 'a b', 'x'.repeat(33)])('the contract id %j is refused', (contract_id) => {
  expect(() => eventSubject(ref, { type: 'JobDue', data: { contract_id } })).toThrow();
  expect(() => workOf('render', contract_id)).toThrow();
});

test('the guard is one string for every event of a job', () => {
  expect(jobSubjects(ref)).toBe(`jobs.acme.render.${ref.jobId}.>`);
});

test('executors of a contract read its requests and dues of the fast lane', () => {
  expect(workOf('render', 'c1')).toEqual([
    'jobs.*.render.*.requested.fast.c1',
    'jobs.*.render.*.due.fast.c1',
  ]);
});

test('a subject that was built is read back as the same job', () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/),
      fc.stringMatching(/^[a-z][a-z0-9_]{0,63}$/),
      (tenantId, action) => {
        const job = { ...ref, tenantId, action };
        expect(refOfSubject(eventSubject(job, { type: 'JobFailed' }))).toEqual(job);
      },
    ),
  );
});

test.each(['*', '>', 'a.b', '', 'a b', 'a\n', 'é', 'x'.repeat(65)])(
  'the tenant %j is refused',
  (tenantId) => {
    expect(() => eventSubject({ ...ref, tenantId }, { type: 'JobStarted' })).toThrow();
    expect(() => jobSubjects({ ...ref, tenantId })).toThrow();
    expect(() => requestSubjects({ ...ref, tenantId })).toThrow();
    expect(() => jobSubjectsOfAnyAction(tenantId, ref.jobId)).toThrow();
  },
);

test.each(['*', '01890000-0000-4000-8000-000000000001', '01890000-0000-7000-8000-00000000000A', 'x'])(
  'the job id %j is refused',
  (jobId) => {
    expect(() => jobSubjects({ ...ref, jobId })).toThrow();
    expect(() => requestSubjects({ ...ref, jobId })).toThrow();
  },
);

test('foreign subjects belong to no job', () => {
  expect(refOfSubject('jobs.acme')).toBeUndefined();
  expect(refOfSubject(`other.acme.render.${ref.jobId}.started`)).toBeUndefined();
});
