const REFERENCE_EFFICIENCY = 0.9637;

export interface Inverter {
  /** Largest AC output. */
  acKw: number;
  /** Efficiency at full load, 0 to 1. */
  efficiency: number;
}

/**
 * Turns DC into AC power (kW): 0 ≤ acKw ≤ min(dcKw, inverter.acKw). `clippedKw` is the AC power lost to the
 * limit, taking the surplus DC at full-load efficiency; 0 below the limit.
 *
 * Source: inverter model of PVWatts version 5, NREL/TP-6A20-62641 (2014): the part-load curve -0.0162 ζ -
 * 0.0059 / ζ + 0.9858, scaled from its 0.9637 at full load to the given efficiency. The curve peaks 0.3 %
 * above full load and falls below 0 under 0.6 % load; both ends are cut so that energy is neither made nor
 * drawn.
 */
export function invert(dcKw: number, inverter: Inverter): { acKw: number; clippedKw: number } {
  if (dcKw <= 0) return { acKw: 0, clippedKw: 0 };
  const { acKw: limitKw, efficiency } = inverter;
  const fullLoadDcKw = limitKw / efficiency;
  if (dcKw >= fullLoadDcKw) return { acKw: limitKw, clippedKw: (dcKw - fullLoadDcKw) * efficiency };
  const load = dcKw / fullLoadDcKw;
  const partLoad = (-0.0162 * load - 0.0059 / load + 0.9858) * (efficiency / REFERENCE_EFFICIENCY);
  const acKw = dcKw * Math.min(1, Math.max(0, partLoad));
  return { acKw: Math.min(limitKw, acKw), clippedKw: 0 };
}
