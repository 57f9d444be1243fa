import { createLogger } from '@errand/runtime';
import { expect, test } from 'vitest';
import { createStrayLog } from './stray-log.ts';

test('errors that nobody is charged with are counted, and only so many are logged a minute', () => {
  let nowMs = 0;
  let counted = 0;
  const told: unknown[] = [];
  const log = Object.assign(createLogger({ service: 'test', level: 'silent' }), {
    error: (...words: unknown[]) => void told.push(words.at(-1)),
  });
  const { report } = createStrayLog({ log, count: () => counted++, now: () => nowMs });
  for (let errors = 0; errors < 500; errors++) report({ cause: 'Error: for ever', jobId: 'j' });
  expect(counted).toBe(500);
  expect(told).toEqual([...Array(60).fill('stray_error'), 'stray_errors_go_on']);
  nowMs = 60_000;
  report({ cause: 'Error: for ever' });
  expect(told.at(-1)).toBe('stray_error');
});
