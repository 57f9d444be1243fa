import { expect, test } from 'vitest';
import { createBreather } from './breather.ts';

test('others have their turn once a loop has run for a while, and not at each round', async () => {
  const breathe = createBreather();
  let turns = 0;
  const other = setImmediate(() => turns++);
  await breathe();
  expect(turns).toBe(0);
  const began = performance.now();
  while (performance.now() - began < 30);
  await breathe();
  expect(turns).toBe(1);
  clearImmediate(other);
});
