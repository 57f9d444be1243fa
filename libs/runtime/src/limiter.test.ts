import { expect, test } from 'vitest';
import { createLimiter } from './limiter.ts';

test('no more than the slots run at a time, in the order in which they came, even if some fail', async () => {
  const inTurn = createLimiter(3);
  let running = 0;
  let most = 0;
  const began: number[] = [];
  const calls = Array.from({ length: 20 }, (_, index) =>
    inTurn(async () => {
      began.push(index);
      most = Math.max(most, ++running);
      await new Promise(setImmediate);
      running--;
      if (index % 4 === 0) throw new Error('failed');
      return index;
    }),
  );
  const results = await Promise.allSettled(calls);
  expect(most).toBe(3);
  expect(began).toEqual(Array.from({ length: 20 }, (_, index) => index));
  expect(results.filter(({ status }) => status === 'rejected').length).toBe(5);
  expect(await inTurn(async () => 'free again')).toBe('free again');
});
