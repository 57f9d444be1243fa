import { expect, test } from 'vitest';
import { sleep, startDeadline } from './deadline.ts';

test('waiting for a time in the past causes no warning', async () => {
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on('warning', note);
  await sleep(-5);
  startDeadline(-5).release();
  await new Promise(setImmediate);
  process.off('warning', note);
  expect(warnings).toEqual([]);
});
