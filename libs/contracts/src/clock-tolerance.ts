/**
 * By how much the clock of a machine may be off for what is looked up by a time that the machine wrote, such as that in a
 * job's id: reads begin that much earlier.
 */
export const CLOCK_TOLERANCE_MS = 60_000;
