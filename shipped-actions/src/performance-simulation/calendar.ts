/**
 * Lists the first hour of each month of `year`, counted in local standard time from 1 January 00:00, and as a
 * thirteenth number the hours of the whole year: 8760, or 8784 in a leap year.
 */
export function monthStartHours(year: number): number[] {
  const yearStartMs = Date.UTC(year, 0, 1);
  return Array.from({ length: 13 }, (_, month) => (Date.UTC(year, month, 1) - yearStartMs) / 3_600_000);
}

/**
 * Gives the instant (ms since 1970, UTC) at the middle of an hour of the local year; `utcOffsetH` may be a
 * fraction.
 */
export function midHourUtcMs(year: number, hour: number, utcOffsetH: number): number {
  return Date.UTC(year, 0, 1) + (hour + 0.5 - utcOffsetH) * 3_600_000;
}
