import { expect, test } from 'vitest';
import { createPace } from './pace.ts';

/** Keeps the process for a while. */
function work(ms: number): number {
  const until = performance.now() + ms;
  while (performance.now() < until);
  return ms;
}

test('a caller who dwarfs the others is idle for most of the time, and the others never have to rest', async () => {
  const pace = createPace({ dwarfsOthers: (caller) => caller === 'attacker' }, 20);
  const order: string[] = [];
  const done = (name: string) => () => order.push(name);
  await Promise.all([
    pace('attacker', () => work(5)).then(done('first')),
    pace('attacker', () => work(5)).then(done('second')),
    ...Array.from({ length: 5 }, () => pace('neighbour', () => work(1)).then(done('other'))),
  ]);
  expect(order).toEqual(['first', 'other', 'other', 'other', 'other', 'other', 'second']);
});

test('a caller with too many pieces of work waiting is refused more', async () => {
  const pace = createPace({ dwarfsOthers: () => false }, 20);
  const asked = await Promise.allSettled(Array.from({ length: 40 }, () => pace('a', () => 1)));
  const refused = asked.filter((each) => each.status === 'rejected');
  expect(refused.length).toBe(7);
  expect(refused[0]?.reason).toMatchObject({ code: 'too_many_requests' });
  expect(await pace('a', () => 2)).toBe(2);
});

test('work that throws passes the turn on', async () => {
  const pace = createPace({ dwarfsOthers: () => false }, 20);
  const failing = pace('a', () => {
    throw new Error('no JSON');
  });
  await expect(failing).rejects.toThrow('no JSON');
  expect(await pace('a', () => 7)).toBe(7);
});
