import { MAX_JSON_DEPTH } from '@errand/contracts';
import { expect, test } from 'vitest';
import { eventOf, newJob, requested } from '../../test/bus.ts';
import { decodeText } from './event-codec.ts';

const ref = newJob();

function nested(levels: number): unknown {
  let value: unknown = 0;
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

test('an event may hold a value of the greatest depth wherever it has values', () => {
  const deepest = nested(MAX_JSON_DEPTH);
  const request = requested(ref);
  const error = { code: 'c', message: 'm', details: [deepest] };
  const events = [
    { ...request, data: { ...request.data, input: deepest } },
    eventOf(ref, { type: 'JobSucceeded', data: { attempt: 1, result: deepest, duration_ms: 1 } }),
    eventOf(ref, { type: 'JobFailed', data: { attempt: 1, error, duration_ms: 1 } }),
  ];
  for (const event of events) {
    const text = JSON.stringify(event);
    expect(decodeText(ref, { version: 1, text })).toMatchObject({ kind: 'event' });
  }
});

test('one that would overflow the stack of its readers cannot be read', () => {
  const data = { attempt: 1, result: nested(5_000), duration_ms: 1 };
  const text = JSON.stringify(eventOf(ref, { type: 'JobSucceeded', data }));
  expect(decodeText(ref, { version: 1, text })).toMatchObject({ kind: 'unreadable' });
});
