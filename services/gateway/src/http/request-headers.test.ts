import { expect, test } from 'vitest';
import { preferredWaitS, queriedWaitS, traceParentOf } from './request-headers.ts';

const IDS = '4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

test.each([`00-${IDS}`, `01-${IDS}`, `01-${IDS}-more`])('%s is carried', (header) => {
  expect(traceParentOf(header)).toBe(header);
});

test.each([
  null,
  '',
  `ff-${IDS}`,
  `00-${IDS}-more`,
  `00-${IDS.toUpperCase()}`,
  `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
  `00-4bf92f3577b34da6a3ce929d0e0e4736-${'0'.repeat(16)}-01`,
  `01-${IDS}-${'x'.repeat(100)}`,
])('%s is not carried', (header) => {
  expect(traceParentOf(header)).toBeUndefined();
});

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
