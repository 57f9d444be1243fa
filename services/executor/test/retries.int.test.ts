import { REQUEST } from '@errand/domain/testing';
import { expect, test } from 'vitest';
import { bus, executor, jobs, nats, startForFile, startTestExecutor, useExecutor } from './executor.ts';

/** The server forgets on kill -9 what was given back to it, so that comes again only after the lease. */
const SHORT_LEASE = { ERRAND_LEASE_MS: '2000' };
startForFile({ executor: 'file', env: SHORT_LEASE });

test('an attempt that fails is followed by another, after a wait that the log tells', async () => {
  const ref = await jobs.request('flaky', { succeeds_at: 3 });
  const state = await jobs.ended(ref);
  expect(state.outcome.value).toEqual({ result: { attempt: 3 }, errors: [] });
  const events = (await bus.jobs.read(ref)).map(({ event }) => event);
  const retrying = events.find((event) => event.type === 'JobRetrying');
  expect(retrying?.data).toMatchObject({ attempt: 2, error: { code: 'action_failed' } });
  expect(events.find((event) => event.type === 'JobDue')?.data).toMatchObject({ reason: 'retry' });
});

test('the last attempt allowed that fails ends the job', async () => {
  const state = await jobs.ended(await jobs.request('flaky', { succeeds_at: 99 }));
  expect(state.phase.value.status).toBe('failed');
  expect(state.attempt.value.number).toBe(3);
  expect(state.outcome.value.errors).toMatchObject([{ code: 'action_failed' }]);
});

test('input that the action refuses is not tried again', async () => {
  const state = await jobs.ended(await jobs.request('flaky', { succeeds_at: 'never' }));
  expect(state.attempt.value.number).toBe(1);
});

test('a job that is to start later starts then, whatever is restarted meanwhile', async () => {
  const startAfter = new Date(Date.now() + 2_000).toISOString();
  const ref = await jobs.request('add', { a: 1, b: 2 }, { startAfter });
  await executor[Symbol.asyncDispose]();
  await nats.kill();
  await nats.restart();
  useExecutor(await startTestExecutor(nats.url, SHORT_LEASE));
  const state = await jobs.ended(ref);
  expect(state.phase.value.status).toBe('succeeded');
  expect(Date.parse(state.attempt.value.startedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(startAfter));
});

test('a wait whose executor died right after it was written ends all the same', async () => {
  await executor[Symbol.asyncDispose]();
  const ref = await jobs.request('flaky', { succeeds_at: 2 });
  const requested = (await bus.jobs.read(ref))[0]?.version ?? 0;
  const begun = { attempt: 1, executor_id: 'dead' };
  const started = await jobs.append(ref, requested, { type: 'JobStarted', data: begun });
  const retry_at = new Date(Date.now() + 1_500).toISOString();
  const error = { code: 'action_failed', message: 'x' };
  await jobs.append(ref, started, { type: 'JobRetrying', data: { attempt: 1, error, retry_at } });
  useExecutor(await startTestExecutor(nats.url, SHORT_LEASE));
  const state = await jobs.ended(ref);
  expect(state.outcome.value.result).toEqual({ attempt: 2 });
  expect(Date.parse(state.attempt.value.startedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(retry_at));
});

test.each([
  ['waits for its second attempt', {}],
  ['has begun it, and waits outside', { deferred: { executor_id: 'gone' } }],
])(
  'a job that %s, and of which only its JobCarried is left, has its input and its count',
  async (_, more) => {
    const ref = jobs.newRef('flaky');
    const request = {
      ...REQUEST,
      action: 'flaky',
      contract_id: await jobs.contractIdOf('flaky'),
      resource: { sum_id: 's-1' },
      input: { succeeds_at: 2 },
    };
    const next_at = new Date().toISOString();
    const carried = { requested_at: next_at, request, attempt: 1, next_at, errors: [], ...more };
    await jobs.append(ref, 0, { type: 'JobCarried', data: carried });
    const state = await jobs.ended(ref);
    expect(state.outcome.value.result).toEqual({ attempt: 2 });
    expect(state.request.value?.data.resource).toEqual({ sum_id: 's-1' });
  },
);
