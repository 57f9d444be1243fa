import { expect, test } from 'vitest';
import type { Ctx } from '../http/request-log.ts';
import { answerSlowly } from './slow-answer.ts';

const c = { env: { requestId: 'r-1' } } as Ctx;
const PACE = { soonMs: 1, beatMs: 1 };

test('an answer that is there soon is sent as usual, a failure too', async () => {
  const response = await answerSlowly(c, Promise.resolve({ a: 1 }));
  expect([response.headers.get('content-type'), await response.text()]).toEqual([
    'application/json',
    '{"a":1}',
  ]);
  await expect(answerSlowly(c, Promise.reject(new Error('no')))).rejects.toThrow('no');
});

test('an answer that takes long begins with spaces and is still JSON', async () => {
  const { promise, resolve } = Promise.withResolvers<object>();
  const response = await answerSlowly(c, promise, PACE);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader?.read())?.value ?? '';
  expect(text).toBe(' ');
  resolve({ a: 1 });
  for (let read = await reader?.read(); read && !read.done; read = await reader?.read()) text += read.value;
  expect(JSON.parse(text)).toEqual({ a: 1 });
});

test('an answer that fails late breaks off', async () => {
  const { promise, reject } = Promise.withResolvers<object>();
  const response = await answerSlowly(c, promise, PACE);
  reject(new Error('no'));
  await expect(response.text()).rejects.toThrow();
});
