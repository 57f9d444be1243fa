import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Receiver, startReceiver } from './receiver.ts';

let receiver: Receiver;

beforeEach(async () => {
  receiver = await startReceiver();
});

afterEach(async () => {
  await receiver[Symbol.asyncDispose]();
});

test('a request is recorded as it arrived', async () => {
  await fetch(`${receiver.url}/hook?job_id=7`, { method: 'POST', body: 'ä', headers: { 'x-secret': 's' } });
  const [request] = receiver.requests;
  expect(request).toMatchObject({ method: 'POST', url: '/hook?job_id=7', body: 'ä' });
  expect(request?.headers['x-secret']).toBe('s');
});

test('the answer is 200, a chosen status, or what a function of the request returns', async () => {
  expect((await fetch(receiver.url)).status).toBe(200);
  receiver.respond = 503;
  expect((await fetch(receiver.url)).status).toBe(503);
  receiver.respond = ({ url }) => ({ status: 429, headers: { 'retry-after': '7' }, body: url });
  const response = await fetch(`${receiver.url}/later`);
  expect([response.status, response.headers.get('retry-after'), await response.text()]).toEqual([
    429,
    '7',
    '/later',
  ]);
});

test('waitFor resolves for a request of the past and for one of the future', async () => {
  const future = receiver.waitFor(({ url }) => url === '/two');
  await fetch(`${receiver.url}/one`);
  await fetch(`${receiver.url}/two`);
  expect((await receiver.waitFor(({ url }) => url === '/one')).url).toBe('/one');
  expect((await future).url).toBe('/two');
});

test('waitFor names what was received when nothing matches in time', async () => {
  await fetch(`${receiver.url}/other`);
  await expect(receiver.waitFor(() => false, 1)).rejects.toThrow("received: [ 'GET /other' ]");
});

test('a respond function that throws breaks the connection', async () => {
  receiver.respond = () => {
    throw new Error('no');
  };
  await expect(fetch(receiver.url)).rejects.toThrow();
  expect(receiver.requests).toHaveLength(1);
});
