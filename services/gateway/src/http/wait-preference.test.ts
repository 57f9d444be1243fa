import { expect, test } from 'vitest';
import { preferredWaitS, queriedWaitS } from './wait-preference.ts';

test.each([
  [null, undefined],
  ['', undefined],
  ['respond-async', undefined],
  ['wait=10', 10],
  ['respond-async, wait=10', 10],
  ['Wait = 10 ; foo=1', 10],
  ['wait="7"', 7],
  ['wait=0', 0],
  ['wait=61', 60],
  ['wait=999999999', 60],
  ['wait=5, wait=9', 5],
  ['wait', undefined],
  ['wait=', undefined],
  ['wait=-1', undefined],
  ['wait=1.5', undefined],
  ['waiting=5', undefined],
])('Prefer: %j waits %j seconds', (prefer, seconds) => {
  expect(preferredWaitS(prefer)).toBe(seconds);
});

test('the query parameter is a whole number of seconds, cut to a minute', () => {
  expect(queriedWaitS(undefined)).toEqual({ kind: 'seconds', seconds: 0 });
  expect(queriedWaitS('30')).toEqual({ kind: 'seconds', seconds: 30 });
  expect(queriedWaitS('3600')).toEqual({ kind: 'seconds', seconds: 60 });
  for (const wrong of ['', '-1', '1.5', 'x', '1e1']) {
    expect(queriedWaitS(wrong), wrong).toMatchObject({ kind: 'invalid', error: { parameter: 'wait' } });
  }
});
