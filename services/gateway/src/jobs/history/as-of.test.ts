import { expect, test } from 'vitest';
import { readAsOf } from './as-of.ts';

const NOW = Date.UTC(2026, 0, 2);

test('a whole number is a version, and a time is one in any offset', () => {
  expect(readAsOf('17', NOW)).toEqual({ version: 17 });
  expect(readAsOf('2026-01-01T02:00:00+02:00', NOW)).toEqual({ timeMs: Date.UTC(2026, 0, 1) });
  // As a plus sign arrives that was not percent-encoded.
  expect(readAsOf('2026-01-01T02:00:00 02:00', NOW)).toEqual({ timeMs: Date.UTC(2026, 0, 1) });
});

test.each([
  '',
  '0',
  '-1',
  '1.5',
  'yesterday',
  '2026-01-01',
  '2026-01-01T00:00:00',
  '2026-01-03T00:00:00Z',
  '1e3',
])('%j is refused', (sent) => {
  expect(() => readAsOf(sent, NOW)).toThrow('invalid_input');
});
