import { expect, test } from 'vitest';
import { UsageError } from '../errors.ts';
import { composeRequest, mergeHeaders } from './compose-request.ts';

const SERVER = { base: 'https://a/v2/tenants/t', headers: mergeHeaders(undefined, { Accept: 'text/plain' }) };

test('a request has the path below the tenant, with the query that is given', () => {
  const query = { limit: 5, status: undefined, type: 'a,b c' };
  expect(composeRequest(SERVER, { method: 'GET', path: '/jobs', query }).url).toBe(
    'https://a/v2/tenants/t/jobs?limit=5&type=a%2Cb+c',
  );
  expect(composeRequest(SERVER, { method: 'GET', path: '/jobs' }).url).toBe('https://a/v2/tenants/t/jobs');
});

test('a request has the headers of its client and its own, and leaves those of the client as they are', () => {
  const headers = { accept: '*/*', 'x-own': '1' };
  const { init } = composeRequest(SERVER, { method: 'POST', path: '/jobs', body: {}, headers });
  expect(Object.fromEntries(init.headers as Headers)).toEqual({
    accept: '*/*',
    'content-type': 'application/json',
    'x-own': '1',
  });
  expect(Object.fromEntries(SERVER.headers)).toEqual({ accept: 'text/plain' });
});

test('a body that JSON cannot hold is refused', () => {
  expect(() => composeRequest(SERVER, { method: 'POST', path: '/jobs', body: { n: 1n } })).toThrow(
    UsageError,
  );
});

test('a number that JSON would write as null is refused by its name, and a null is not', () => {
  const send = (body: unknown) => composeRequest(SERVER, { method: 'POST', path: '/jobs', body });
  for (const price of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    expect(() => send({ items: [{ price, note: null }] })).toThrow(`price is ${price}`);
    expect(() => send({ prices: [1, price] })).toThrow(UsageError);
  }
  expect(send({ price: null, at: new Date(0) }).init.body).toBe(
    '{"price":null,"at":"1970-01-01T00:00:00.000Z"}',
  );
});
