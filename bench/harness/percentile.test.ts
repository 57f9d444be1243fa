import { expect, test } from 'vitest';
import { percentile, round } from './percentile.ts';

test('a percentile is one of the figures, whatever their order', () => {
  const figures = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(percentile(figures, 0.5)).toBe(50);
  expect(percentile(figures, 0.99)).toBe(99);
  expect(percentile(figures, 1)).toBe(100);
  expect(percentile([7], 0.01)).toBe(7);
});

test('an empty list has no percentile', () => {
  expect(percentile([], 0.5)).toBeNaN();
});

test('a figure is rounded to the given number of decimals', () => {
  expect(round(1.2345, 2)).toBe(1.23);
});
