const GLASS_INDEX = 1.526;
const COATING_INDEX = 1.3;
const TABLE_STEPS = 512;

/**
 * Gives the share of directional light that a module's cover lets through, relative to light that meets it
 * squarely: 1 at normal incidence, 0 at grazing. `coated` adds an anti-reflective layer.
 *
 * Source: Snell's and Fresnel's laws for unpolarised light as in A. P. Dobos, "PVWatts Version 5 Manual",
 * NREL/TP-6A20-62641 (2014), with its indices 1.526 (glass) and 1.3 (coating), without absorption in the
 * glass.
 */
export function coverTransmission(incidenceCosine: number, coated: boolean): number {
  return transmission(incidenceCosine, coated) / transmission(1, coated);
}

/** Tabulates `coverTransmission` over the cosine, which is within 0.001 of it and costs one interpolation. */
export function coverTable(coated: boolean): Float64Array {
  return Float64Array.from({ length: TABLE_STEPS + 2 }, (_, step) =>
    coverTransmission(Math.min(1, step / TABLE_STEPS), coated),
  );
}

/** Reads a table of `coverTable` at a cosine of 0 to 1. */
export function lookUpCover(table: Float64Array, incidenceCosine: number): number {
  const position = incidenceCosine * TABLE_STEPS;
  const step = Math.floor(position);
  const below = table[step] ?? 1;
  return below + (position - step) * ((table[step + 1] ?? 1) - below);
}

function transmission(incidenceCosine: number, coated: boolean): number {
  if (!coated) return cross(incidenceCosine, 1, GLASS_INDEX).transmitted;
  const coating = cross(incidenceCosine, 1, COATING_INDEX);
  return coating.transmitted * cross(coating.cosine, COATING_INDEX, GLASS_INDEX).transmitted;
}

function cross(cosine: number, indexBefore: number, indexAfter: number) {
  const sineAfter = (indexBefore / indexAfter) * Math.sqrt(Math.max(0, 1 - cosine * cosine));
  const cosineAfter = Math.sqrt(1 - sineAfter * sineAfter);
  const perpendicular =
    (indexBefore * cosine - indexAfter * cosineAfter) / (indexBefore * cosine + indexAfter * cosineAfter);
  const parallel =
    (indexBefore * cosineAfter - indexAfter * cosine) / (indexBefore * cosineAfter + indexAfter * cosine);
  return { cosine: cosineAfter, transmitted: 1 - (perpendicular ** 2 + parallel ** 2) / 2 };
}
