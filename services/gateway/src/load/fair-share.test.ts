import { expect, test } from 'vitest';
import { createFairShare } from './fair-share.ts';

function createShare() {
  const clock = { ms: 0 };
  return { clock, share: createFairShare(() => clock.ms) };
}

test('who costs more than the others is heavy, and they are not', () => {
  const { share } = createShare();
  share.add('attacker', 900);
  for (const caller of ['a', 'b', 'c']) share.add(caller, 10);
  expect(['attacker', 'a', 'b', 'c', 'stranger'].map(share.isHeavy)).toEqual([
    true,
    false,
    false,
    false,
    false,
  ]);
});

test('who costs several times as much as the others dwarfs them, but nobody who is alone', () => {
  const { share } = createShare();
  share.add('a', 900);
  expect(share.dwarfsOthers('a')).toBe(false);
  share.add('b', 300);
  expect(['a', 'b'].map(share.dwarfsOthers)).toEqual([false, false]);
  share.add('a', 900);
  expect(['a', 'b', 'stranger'].map(share.dwarfsOthers)).toEqual([true, false, false]);
});

test('a caller who is alone is heavy, and so is everybody where all cost the same', () => {
  const { share } = createShare();
  share.add('a', 5);
  expect(share.isHeavy('a')).toBe(true);
  share.add('b', 5);
  expect(['a', 'b'].map(share.isHeavy)).toEqual([true, true]);
});

test('what a caller has cost is forgotten, by half in each second', () => {
  const { clock, share } = createShare();
  share.add('a', 16);
  clock.ms += 3_000;
  share.add('b', 3);
  expect(['a', 'b'].map(share.isHeavy)).toEqual([false, true]);
});
