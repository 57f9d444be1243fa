import type { InputError, Schedule, ScheduleTiming } from '@errand/contracts';
import { Cron } from 'croner';

/*
 * When a schedule ticks. A cron expression is read by the clocks of its time zone. On the days on which these are changed, one
 * that names its minutes and hours ticks once for each: where the clocks skip that time, at the moment to which they skip.
 * One with a `*` in either ticks as time goes by.
 */

export type Timed = ScheduleTiming & Pick<Schedule, 'created_at'>;

const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;
/** A clock change is looked for so far ahead. */
const YEAR_DAYS = 366;

const MODE = { mode: '5-part', fixedTimeRule: 'no-wildcard' } as const;

/** Compiled expressions, the most recent last. Each takes up to 80 KB. */
const compiled = new Map<string, Cron>();
const MOST_COMPILED = 500;

/** The first tick after a moment; undefined if there is none. All in Unix milliseconds. */
export function tickAfter(timing: Timed, afterMs: number): number | undefined {
  const startsMs = timing.starts_at === null ? Number.NEGATIVE_INFINITY : Date.parse(timing.starts_at);
  const fromMs = Math.max(afterMs, startsMs - 1);
  const tickMs =
    timing.cron === null
      ? repeatedAfter(timing, fromMs)
      : cronOf(timing).nextRun(new Date(fromMs))?.getTime();
  if (tickMs === undefined) return undefined;
  return timing.ends_at !== null && tickMs > Date.parse(timing.ends_at) ? undefined : tickMs;
}

/** The next ticks, at most so many. */
export function ticksAfter(timing: Timed, afterMs: number, most: number): number[] {
  const ticks: number[] = [];
  for (let ms = tickAfter(timing, afterMs); ms !== undefined && ticks.length < most; ) {
    ticks.push(ms);
    ms = tickAfter(timing, ms);
  }
  return ticks;
}

/** A day on which the clocks of a time zone are changed, and what ticks on it. */
export interface ClockChange {
  readonly atMs: number;
  /** Minutes ahead of UTC. */
  readonly fromMinutes: number;
  readonly toMinutes: number;
  readonly ticks: readonly number[];
}

/** The clock changes of the coming year. Only for expressions: what comes every so many seconds does not look at clocks. */
export function clockChangesAfter(timing: Timed, afterMs: number, mostTicks: number): ClockChange[] {
  const { cron, time_zone: zone } = timing;
  if (cron === null) return [];
  const changes: ClockChange[] = [];
  for (let day = 0; day < YEAR_DAYS; day++) {
    const dayMs = afterMs + day * DAY_MS;
    const fromMinutes = minutesAhead(zone, dayMs);
    const toMinutes = minutesAhead(zone, dayMs + DAY_MS);
    if (fromMinutes === toMinutes) continue;
    const atMs = changeBetween(zone, dayMs, dayMs + DAY_MS);
    const midnightMs = Math.floor((atMs + fromMinutes * 60_000) / DAY_MS) * DAY_MS - fromMinutes * 60_000;
    const nextMidnightMs = midnightMs + DAY_MS - (toMinutes - fromMinutes) * 60_000;
    const ticks = ticksAfter(timing, midnightMs - 1, mostTicks).filter((ms) => ms < nextMidnightMs);
    changes.push({ atMs, fromMinutes, toMinutes, ticks });
  }
  return changes;
}

/** What is wrong with an expression or its time zone. */
export function cronErrors({ cron, time_zone }: { cron: string; time_zone: string }): InputError[] {
  if (!isTimeZone(time_zone)) {
    const detail = 'must be the name of a time zone, such as Europe/Berlin';
    return [{ pointer: '#/time_zone', code: 'time_zone', detail }];
  }
  try {
    cronOf({ cron, time_zone });
    return [];
  } catch (error) {
    const reason = String((error as Error).message).replace(/^CronPattern: /, '');
    const detail = `must be five fields as in crontab: minute, hour, day, month, weekday (${reason})`;
    return [{ pointer: '#/cron', code: 'cron', detail }];
  }
}

function cronOf({ cron, time_zone }: Pick<ScheduleTiming, 'cron' | 'time_zone'>): Cron {
  const key = `${time_zone} ${cron}`;
  const known = compiled.get(key) ?? new Cron(cron ?? '', { timezone: time_zone, ...MODE });
  compiled.delete(key);
  compiled.set(key, known);
  const [oldest] = compiled.keys();
  if (compiled.size > MOST_COMPILED && oldest !== undefined) compiled.delete(oldest);
  return known;
}

function repeatedAfter({ every_s, starts_at, created_at }: Timed, afterMs: number): number {
  const everyMs = (every_s ?? 0) * SECOND_MS;
  const anchorMs = Math.floor(Date.parse(starts_at ?? created_at) / SECOND_MS) * SECOND_MS;
  const count = Math.floor((afterMs - anchorMs) / everyMs) + 1;
  return anchorMs + Math.max(count, starts_at === null ? 1 : 0) * everyMs;
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) !== undefined;
  } catch {
    return false;
  }
}

/** The first second at which the clocks of a zone are ahead by as much as at the end. */
function changeBetween(zone: string, fromMs: number, untilMs: number): number {
  const wanted = minutesAhead(zone, untilMs);
  let low = Math.floor(fromMs / SECOND_MS);
  let high = Math.ceil(untilMs / SECOND_MS);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (minutesAhead(zone, middle * SECOND_MS) === wanted) high = middle;
    else low = middle;
  }
  return high * SECOND_MS;
}

/** There are fewer, but each may be written in capitals or not. */
const MOST_ZONES = 1_000;
const formats = new Map<string, Intl.DateTimeFormat>();

/** How far the clocks of a zone are ahead of UTC at a moment. */
function minutesAhead(zone: string, ms: number): number {
  const format =
    formats.get(zone) ?? new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' });
  if (formats.size >= MOST_ZONES) formats.clear();
  formats.set(zone, format);
  const name = format.formatToParts(ms).find(({ type }) => type === 'timeZoneName')?.value ?? '';
  const [, sign, hours = '0', minutes = '0'] = /GMT([+-])(\d{2}):(\d{2})/.exec(name) ?? [];
  return (Number(hours) * 60 + Number(minutes)) * (sign === '-' ? -1 : 1);
}
