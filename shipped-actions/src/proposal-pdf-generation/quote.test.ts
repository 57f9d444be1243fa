import fc from 'fast-check';
import { expect, test } from 'vitest';
import { proposalInput } from './input.ts';
import { quoteOf } from './quote.ts';

const { price } = proposalInput.shape;
const quote = (value: object) => quoteOf(price.parse({ currency: 'EUR', tax_pct: 0, ...value }));

test('amounts are rounded as they are printed, and add up', () => {
  const { lines, net, tax, total } = quote({
    tax_pct: 19,
    items: [
      { description: 'a', quantity: 3, unit_price: 0.335 },
      { description: 'discount', unit_price: -0.5 },
    ],
  });
  expect(lines.map(({ amount }) => amount)).toEqual([1.01, -0.5]);
  expect([net, tax, total]).toEqual([0.51, 0.1, 0.61]);
});

test('a currency without coins has none', () => {
  const { total } = quote({ currency: 'JPY', tax_pct: 10, items: [{ description: 'a', unit_price: 1_234 }] });
  expect(total).toBe(1_357);
});

test('the printed sums add up, whatever the items', () => {
  const amount = fc.record({
    description: fc.constant('a'),
    quantity: fc.double({ min: 0, max: 1_000, noNaN: true }),
    unit_price: fc.double({ min: -10_000, max: 10_000, noNaN: true }),
  });
  fc.assert(
    fc.property(
      fc.array(amount, { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 0, max: 100 }),
      (items, tax_pct) => {
        const made = quote({ items, tax_pct });
        const cents = (value: number) => Math.round(value * 100);
        expect(cents(made.net)).toBe(made.lines.reduce((sum, line) => sum + cents(line.amount), 0));
        expect(cents(made.total)).toBe(cents(made.net) + cents(made.tax));
      },
    ),
  );
});
