import type { ProposalInput } from './input.ts';

interface QuoteLine {
  readonly description: string;
  readonly quantity: number;
  readonly unit: string;
  readonly unitPrice: number;
  readonly amount: number;
}

/** Amounts in the currency, each rounded to its smallest coin as it is printed, so that the printed sums add up. */
export interface Quote {
  readonly currency: string;
  readonly lines: readonly QuoteLine[];
  readonly net: number;
  readonly taxName: string;
  readonly taxPct: number;
  readonly tax: number;
  readonly total: number;
}

export function quoteOf(price: ProposalInput['price']): Quote {
  const { currency, items, tax_name: taxName, tax_pct: taxPct } = price;
  const coins = 10 ** coinDigits(currency);
  const rounded = (amount: number) => Math.round(amount * coins) / coins || 0;
  const lines = items.map(({ description, quantity, unit, unit_price: unitPrice }) => {
    const amount = rounded(quantity * unitPrice);
    return { description, quantity, unit, unitPrice, amount };
  });
  const net = rounded(lines.reduce((sum, { amount }) => sum + amount, 0));
  const tax = rounded((net * taxPct) / 100);
  return { currency, lines, net, taxName, taxPct, tax, total: rounded(net + tax) };
}

/** Digits after the decimal point in which the currency is paid; 2 for an unknown one. */
function coinDigits(currency: string): number {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency });
  return format.resolvedOptions().maximumFractionDigits ?? 2;
}
