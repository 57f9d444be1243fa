/** Installed nominal operating cell temperature of an open rack, as PVWatts assumes it. */
const NOCT_C = 45;

/**
 * Power lost per kelvin above 25 °C, and whether the cover is coated, by module type.
 * Source: A. P. Dobos, "PVWatts Version 5 Manual", NREL/TP-6A20-62641 (2014), table of module types.
 */
export const MODULES = {
  standard: { powerPerK: -0.0047, coated: false },
  premium: { powerPerK: -0.0035, coated: true },
  thin_film: { powerPerK: -0.002, coated: false },
} as const;

/**
 * Gives the temperature (°C) of cells under `poaWm2` of light in air of `ambientC`.
 *
 * Source: R. G. Ross, "Interface design considerations for terrestrial solar cell modules", 12th IEEE
 * Photovoltaic Specialists Conference (1976): a rise proportional to the light, (NOCT - 20) K at 800 W/m²,
 * with NOCT 45 °C.
 */
export function cellTemperatureC(ambientC: number, poaWm2: number): number {
  return ambientC + ((NOCT_C - 20) / 800) * poaWm2;
}

/**
 * Gives the DC power of one kW of modules, as a fraction of that kW and never negative, from the light that
 * passes the cover (W/m²), the cell temperature (°C) and the temperature coefficient (1/K).
 *
 * Source: DC model of PVWatts version 5, NREL/TP-6A20-62641 (2014); reference 1000 W/m², 25 °C.
 */
export function dcPowerPerKw(transmittedWm2: number, cellC: number, powerPerK: number): number {
  const power = (transmittedWm2 / 1000) * (1 + powerPerK * (cellC - 25));
  return power > 0 ? power : 0;
}
