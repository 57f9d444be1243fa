import { RETENTION_DAYS } from './forms.ts';

/*
 * How the services of a run have their retentions compressed. Each process reads it from its environment; everything else,
 * such as the wait between two attempts, takes as long as always.
 */

export const DAY_VARIABLE = 'ERRAND_DISK_DAY_MS';

/** How long a day is in this process, and a retention, in milliseconds. */
export function compressedTime(): { dayMs: number; retentionMs: number } {
  const dayMs = Number(process.env[DAY_VARIABLE]);
  if (!(dayMs > 0)) throw new Error(`${DAY_VARIABLE} is not set`);
  return { dayMs, retentionMs: dayMs * RETENTION_DAYS };
}
