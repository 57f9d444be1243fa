import { expect, test } from 'vitest';
import { FULL } from './forms.ts';
import { growthOf } from './growth.ts';

const MB = 1_000_000;
const overRetentions = (bytesIn: (retention: number) => number) =>
  Array.from({ length: FULL.retentions }, (_, index) => bytesIn(index + 1));
const isGrowing = (bytesIn: (retention: number) => number, store: 'jobs' | 'natsFiles' = 'jobs') =>
  growthOf(store, overRetentions(bytesIn), FULL).isGrowing;

test('a store that is filled once and then keeps its size does not grow', () => {
  expect(isGrowing((retention) => Math.min(retention, 2) * MB)).toBe(false);
  expect(isGrowing((retention) => (10 + (retention % 4)) * MB)).toBe(false);
});

test('a store that keeps one percent of what comes in grows', () => {
  expect(isGrowing((retention) => (1 + retention * 0.01) * MB)).toBe(true);
  expect(isGrowing((retention) => (1 + retention * 0.005) * MB)).toBe(false);
});

test('a store that is never emptied grows', () => {
  expect(isGrowing((retention) => retention * MB)).toBe(true);
});

test('what is smaller than a few pages of a server does not count', () => {
  expect(isGrowing((retention) => retention * 1_000)).toBe(false);
});

test('files of NATS may grow by one', () => {
  expect(isGrowing((retention) => 10 * MB + (retention * 8 * MB) / 15.5, 'natsFiles')).toBe(false);
  expect(isGrowing((retention) => 10 * MB + (retention * 9 * MB) / 15.5, 'natsFiles')).toBe(true);
});

test('the means are those of the retentions that the form names', () => {
  expect(
    growthOf(
      'jobs',
      overRetentions((retention) => retention),
      FULL,
    ),
  ).toMatchObject({
    earlyBytes: 10,
    lateBytes: 25.5,
  });
});
