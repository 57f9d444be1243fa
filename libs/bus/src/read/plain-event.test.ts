import { JobEvent } from '@errand/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { eventOf, newJob, requested, started } from '../../test/bus.ts';
import { isPlainEvent } from './plain-event.ts';

const ref = newJob();
const error = { code: 'c', message: 'm' };
const retry_at = '2026-01-31T12:00:00.000Z';
const plain = [
  requested(ref),
  started(ref),
  eventOf(ref, { type: 'JobProgressed', data: { attempt: 1, percent: 0.5, message: 'half' } }),
  eventOf(ref, { type: 'JobRetrying', data: { attempt: 1, error, retry_at } }),
  eventOf(ref, { type: 'JobDue', data: { reason: 'retry', contract_id: 'c1' } }),
  eventOf(ref, { type: 'JobSucceeded', data: { attempt: 1, result: { z: 1, a: [2] }, duration_ms: 1 } }),
  eventOf(ref, {
    type: 'JobFailed',
    data: { attempt: 0, error: { ...error, details: [1] }, duration_ms: 1 },
  }),
];

test('what our writers write most is plain', () => {
  expect(plain.filter((event) => !isPlainEvent(JSON.parse(JSON.stringify(event))))).toEqual([]);
});

test('an event is plain on every day of the calendar', () => {
  const [event] = plain;
  const days = Array.from({ length: 366 * 405 }, (_, day) =>
    new Date(Date.UTC(1_900, 0, 1 + day)).toISOString(),
  );
  const isPlainOn = (finish_by: string) => isPlainEvent({ ...event, data: { ...event?.data, finish_by } });
  expect(days.filter((day) => !isPlainOn(day))).toEqual([]);
  const noDays = [
    '1900-02-29',
    '2026-02-29',
    '2026-02-30',
    '2026-04-31',
    '2026-11-31',
    '2026-01-32',
    '2026-13-01',
  ];
  expect(noDays.filter((day) => isPlainOn(`${day}T00:00:00.000Z`))).toEqual([]);
});

/** Replaces any member by something strange, adds a member, or changes the order of members. */
const change = fc.record({
  event: fc.nat(plain.length - 1),
  place: fc.nat(40),
  value: fc.oneof(
    fc.constantFrom<unknown>('', null, 0, -1, 1.5, 2 ** 53, [], {}, 'x'.repeat(2_001), { '\ud800': 'x' }),
    fc.constantFrom<unknown>(
      '2026-02-30T00:00:00.000Z',
      '2026-01-01T00:00:00Z',
      '2026-01-01T24:00:00.000Z',
      'é',
    ),
    fc.jsonValue(),
  ),
  how: fc.constantFrom('replace', 'add', 'remove', 'reverse', 'none'),
});

test('whatever is plain is accepted by the schema and comes back as it is', () => {
  let plainOnes = 0;
  fc.assert(
    fc.property(change, (changed) => {
      const event = JSON.parse(JSON.stringify(plain[changed.event]));
      alter(event, changed);
      const text = JSON.stringify(event);
      if (!isPlainEvent(JSON.parse(text))) return;
      plainOnes++;
      expect(JSON.stringify(JobEvent.parse(JSON.parse(text)))).toBe(text);
    }),
    { numRuns: 3_000 },
  );
  expect(plainOnes).toBeGreaterThan(100);
});

function alter(event: object, { place, value, how }: { place: number; value: unknown; how: string }): void {
  const places = placesOf(event);
  const [owner, key] = places[place % places.length] ?? [];
  if (!owner || key === undefined) return;
  if (how === 'replace') owner[key] = value;
  if (how === 'add') owner[`${key}_more`] = value;
  if (how === 'remove') delete owner[key];
  if (how !== 'reverse') return;
  for (const [name, each] of Object.entries(owner).reverse()) {
    delete owner[name];
    owner[name] = each;
  }
}

function placesOf(value: object): [Record<string, unknown>, string][] {
  const owner = value as Record<string, unknown>;
  return Object.entries(owner).flatMap(([key, each]) => [
    [owner, key] as [Record<string, unknown>, string],
    ...(typeof each === 'object' && each !== null ? placesOf(each) : []),
  ]);
}
