/**
 * How far a machine's clock may be off. Lookups by a time that the machine wrote, such as the one in a job's id, begin
 * that much earlier.
 */
export const CLOCK_TOLERANCE_MS = 60_000;
