/** The smallest figure that at least `share` (0-1) of all figures do not exceed. NaN for none. */
export function percentile(figures: readonly number[], share: number): number {
  const sorted = figures.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

export function round(figure: number, decimals: number): number {
  return Number(figure.toFixed(decimals));
}
