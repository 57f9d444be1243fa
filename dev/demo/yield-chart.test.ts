import { expect, test } from 'vitest';
import { yieldChart } from './yield-chart.ts';

test('the best month has the longest bar, and a month without sun has none', () => {
  const [january, june] = yieldChart([
    { month: 1, ac_kwh: 0 },
    { month: 6, ac_kwh: 512.4 },
  ]);
  expect(january).toBe('Jan        0 kWh');
  expect(june).toBe(`Jun      512 kWh ${'█'.repeat(40)}`);
});

test('a year without any yield has no bars', () => {
  expect(yieldChart([{ month: 12, ac_kwh: 0 }])).toEqual(['Dec        0 kWh']);
});
