import type { SchedulePreview, ScheduleView } from '../api/answers.ts';

/* When schedules tick, in words. */

/** Such as `30 6 * * 1-5, Europe/Berlin` or `every 90 s`. */
export function timingOf({
  cron,
  time_zone,
  every_s,
}: Pick<ScheduleView, 'cron' | 'time_zone' | 'every_s'>): string {
  return cron === null ? `every ${every_s} s` : `${cron}, ${time_zone}`;
}

const DAY = { weekday: 'short', month: 'short', day: 'numeric' } as const;
const TIME = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const;

/** The day and time by the clocks of a time zone, such as `Mon, Nov 30, 06:30:00`; by those of UTC if the browser does not know it. */
export function zonedDayTime(at: string, timeZone: string): string {
  return zoned(at, timeZone, { ...DAY, ...TIME });
}

/** The same without the day. */
export function zonedTime(at: string, timeZone: string): string {
  return zoned(at, timeZone, TIME);
}

function zoned(at: string, timeZone: string, shown: Intl.DateTimeFormatOptions): string {
  try {
    return new Date(at).toLocaleString(undefined, { ...shown, timeZone });
  } catch {
    return `${new Date(at).toLocaleString(undefined, { ...shown, timeZone: 'UTC' })} UTC`;
  }
}

/** Such as `UTC+5:30`. */
export function offsetOf(minutesAhead: number): string {
  const minutes = Math.abs(minutesAhead) % 60;
  const hours = Math.floor(Math.abs(minutesAhead) / 60);
  return `UTC${minutesAhead < 0 ? '-' : '+'}${hours}${minutes === 0 ? '' : `:${String(minutes).padStart(2, '0')}`}`;
}

const SOONEST_MS = 2_000;
const LATEST_MS = 60_000;

/** For how long a preview is good: until its first tick, within bounds. */
export function goodForMs(preview: SchedulePreview, nowMs: number): number {
  const [first] = preview.ticks;
  const ms = first === undefined ? LATEST_MS : Date.parse(first) - nowMs;
  return Math.min(LATEST_MS, Math.max(SOONEST_MS, ms));
}
