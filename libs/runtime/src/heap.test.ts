import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createHeap } from './heap.ts';

test('whatever is added and taken in between, the least comes out first', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer()), { maxLength: 200 }), (steps) => {
      const heap = createHeap<number>((a, b) => a < b);
      const kept: number[] = [];
      for (const step of steps) {
        if (step !== null) {
          heap.add(step);
          kept.push(step);
          kept.sort((a, b) => a - b);
        } else expect(heap.take()).toBe(kept.shift());
        expect([heap.peek(), heap.size]).toEqual([kept[0], kept.length]);
        const least = [...heap.firstWhile((item) => item <= 0)].sort((a, b) => a - b);
        expect(least).toEqual(kept.filter((item) => item <= 0));
      }
    }),
  );
});
