import { EventTooLarge, LogUnavailable } from '@errand/bus';
import { Problem } from '@errand/contracts';
import { createLogger } from '@errand/runtime';
import { Hono } from 'hono';
import { expect, test } from 'vitest';
import { problemOf, Refusal } from './problem.ts';
import type { Env, Exchange } from './request-log.ts';

const exchange: Exchange = {
  requestId: 'r-1',
  instance: 'urn:uuid:r-1',
  route: '/',
  wire: undefined,
  span: undefined,
  traceparent: undefined,
  tenantId: undefined,
  action: undefined,
  jobId: undefined,
  busyMs: 0,
  readMs: 0,
  pace: undefined,
  keyGone: undefined,
  code: undefined,
  reason: undefined,
};

async function answerTo(error: Error) {
  const log = createLogger({ service: 'test', level: 'silent' });
  const app = new Hono<Env>();
  app.onError((thrown, c) => problemOf(thrown, c, log));
  app.get('/', () => {
    throw error;
  });
  const response = await app.fetch(new Request('http://host/'), exchange);
  const text = await response.text();
  return { response, text, problem: Problem.parse(JSON.parse(text)) };
}

test('a refusal is answered with its status, code, detail, errors and headers', async () => {
  const errors = [{ parameter: 'a', code: 'required', detail: 'is required' }];
  const refusal = new Refusal('invalid_input', { detail: 'Look.', errors, headers: { 'x-more': '1' } });
  const { response, problem } = await answerTo(refusal);
  expect(response.status).toBe(422);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(response.headers.get('x-more')).toBe('1');
  expect(response.headers.get('x-request-id')).toBe('r-1');
  expect(problem).toEqual({
    type: 'urn:errand:problem:invalid_input',
    title: 'Invalid input',
    status: 422,
    code: 'invalid_input',
    detail: 'Look.',
    instance: 'urn:uuid:r-1',
    errors,
  });
});

test('a log that does not answer is 503 with a time to come again', async () => {
  const { response, problem } = await answerTo(new LogUnavailable('nats: timeout'));
  expect([response.status, problem.code, response.headers.get('retry-after')]).toEqual([
    503,
    'log_unavailable',
    '2',
  ]);
});

test('an event that is too large is 413', async () => {
  const { problem } = await answerTo(new EventTooLarge(2, 1));
  expect([problem.status, problem.code]).toEqual([413, 'too_large']);
});

test('of an unknown error the caller sees a fixed sentence', async () => {
  const { problem, text } = await answerTo(new Error('password=hunter2 at line 7'));
  expect([problem.status, problem.code]).toEqual([500, 'internal_error']);
  expect(text).not.toContain('hunter2');
});
