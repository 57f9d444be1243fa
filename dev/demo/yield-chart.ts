const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const LONGEST_BAR = 40;

/** A line with a bar for each month, the best one 40 characters long. */
export function yieldChart(monthly: readonly { month: number; ac_kwh: number }[]): string[] {
  const best = Math.max(...monthly.map(({ ac_kwh }) => ac_kwh), Number.MIN_VALUE);
  return monthly.map(({ month, ac_kwh }) => {
    const bar = '█'.repeat(Math.round((ac_kwh / best) * LONGEST_BAR));
    return `${MONTHS[month - 1]} ${ac_kwh.toFixed(0).padStart(8)} kWh ${bar}`.trimEnd();
  });
}
