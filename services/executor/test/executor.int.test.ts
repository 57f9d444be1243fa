import { ActionRecord, BUCKETS } from '@errand/contracts';
import { describe, expect, test } from 'vitest';
import { bus, jobs, startForFile } from './executor.ts';

startForFile({ executor: 'file', env: { ERRAND_MAX_RESULT_BYTES: '2000000' } });

describe('an executor', () => {
  test('announces its contracts, with JSON Schemas', async () => {
    const bucket = await bus.buckets.open(BUCKETS.actions, ActionRecord);
    expect((await bucket.get('add'))?.contracts[0]?.contract).toMatchObject({
      resource: 'sums/{sum_id}',
      input_schema: { type: 'object', required: ['a', 'b'] },
      max_attempts: 3,
    });
  });

  test('runs a job to its result, with start and progress on the way', async () => {
    const ref = await jobs.request('add', { a: 1, b: 2 });
    const state = await jobs.ended(ref);
    expect(state.outcome.value.result).toEqual({ sum: 3, sum_id: 's-1' });
    expect(state.attempt.value.number).toBe(1);
    const types = ['JobRequested', 'JobStarted', 'JobProgressed', 'JobSucceeded'];
    expect(await jobs.typesOf(ref)).toEqual(types);
  });

  test("carries the caller's trace into every event", async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const ref = await jobs.request('add', { a: 1, b: 2 }, { traceparent });
    await jobs.ended(ref);
    const traces = (await bus.jobs.read(ref)).map(({ event }) => event.traceparent);
    expect(traces).toEqual([traceparent, traceparent, traceparent, traceparent]);
  });
});

describe('a job fails, and its executor lives on,', () => {
  test.each([
    ['when its input passed the gateway but not the action', 'add', { a: 'one', b: 2 }, 'invalid_input'],
    ['when the action throws', 'misbehave', { how: 'throw' }, 'action_failed'],
    ['when the action returns what its own schema refuses', 'misbehave', { how: 'lie' }, 'invalid_result'],
    ['when the action returns what JSON cannot hold', 'misbehave', { how: 'count' }, 'invalid_result'],
    ['when the action tells more than an event can hold', 'misbehave', { how: 'rant' }, 'too_steep'],
    ['when the result is larger than results may be', 'misbehave', { how: 'flood' }, 'result_too_large'],
    ['when the action takes longer than its timeout', 'misbehave', { how: 'hang' }, 'timed_out'],
    ['when a worker thread never comes back', 'busy', { how: 'spin' }, 'timed_out'],
    ['when a worker thread dies', 'busy', { how: 'exit' }, 'action_failed'],
  ])('%s', async (_, action, input, code) => {
    const state = await jobs.ended(await jobs.request(action, input));
    expect(state.phase.value.status).toBe('failed');
    expect(state.outcome.value.errors).toMatchObject([{ code }]);
    expect(JSON.stringify(state)).not.toContain('a secret of the database');
  });

  test('with the code, message and details of a PermanentError', async () => {
    const state = await jobs.ended(await jobs.request('misbehave', { how: 'refuse' }));
    expect(state.outcome.value.errors).toEqual([
      { code: 'too_steep', message: 'The roof is too steep.', details: [{ pointer: '#/tilt' }] },
    ]);
  });

  test('with a pointer to the wrong input', async () => {
    const state = await jobs.ended(await jobs.request('add', { a: 'one', b: 2 }));
    expect(state.outcome.value.errors[0]?.details).toMatchObject([{ pointer: '#/a' }]);
  });

  test('but not by a progress message that is no text', async () => {
    const state = await jobs.ended(await jobs.request('busy', { how: 'babble' }));
    expect(state.outcome.value.result).toEqual({ ok: true });
  });

  test('also in threads, which are replaced', async () => {
    await jobs.ended(await jobs.request('busy', { how: 'exit' }));
    const state = await jobs.ended(await jobs.request('busy', { how: 'answer' }));
    expect(state.outcome.value.result).toEqual({ ok: true });
  });
});
