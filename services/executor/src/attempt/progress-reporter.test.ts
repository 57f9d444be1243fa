import { expect, test } from 'vitest';
import { createProgressReporter } from './progress-reporter.ts';

test.each<[unknown, unknown, object]>([
  [50, null, { percent: 50 }],
  [50, 7, { percent: 50, message: '7' }],
  [50, { text: 'halfway' }, { percent: 50 }],
  [50, 'half of a pair \ud800', { percent: 50, message: 'half of a pair \ufffd' }],
  ['50', 'halfway', { percent: 0, message: 'halfway' }],
  [1_000, undefined, { percent: 100 }],
])('progress(%j, %j) is written as an event can hold it', async (percent, message, expected) => {
  const written: object[] = [];
  const reporter = createProgressReporter(0, async (progress) => void written.push(progress));
  reporter.report(percent as number, message as string);
  await reporter.stop();
  expect(written).toEqual([expected]);
});

test('a message is cut at what an event can hold', async () => {
  const written: object[] = [];
  const reporter = createProgressReporter(0, async (progress) => void written.push(progress));
  reporter.report(1, 'x'.repeat(600));
  await reporter.stop();
  expect(written).toEqual([{ percent: 1, message: 'x'.repeat(500) }]);
});
