import { expect, test } from 'vitest';
import { newestVersion } from './newest-version.ts';

test('jobs that were polled for days have more events than a call takes arguments', () => {
  const events = Array.from({ length: 300_000 }, (_, index) => ({ version: 300_000 - index }));
  expect(newestVersion(events)).toBe(300_000);
  expect(newestVersion([])).toBe(0);
});
