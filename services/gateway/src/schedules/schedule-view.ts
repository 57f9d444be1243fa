import { Instant, JobId, Schedule, type ScheduleProgress, ScheduleTick } from '@errand/contracts';
import { z } from 'zod';
import { named } from '../openapi/schemas.ts';
import type { ScheduleStore } from './schedule-store.ts';
import { scheduleKey } from './schedule-store.ts';
import { spreadMs } from './ticks/due-ticks.ts';
import { clockChangesAfter, tickAfter, ticksAfter } from './timing.ts';

const TickView = named('ScheduleTick', ScheduleTick);

export const ScheduleView = named(
  'Schedule',
  Schedule.omit({ tenant_id: true, actor: true, counts_from: true }).extend({
    next_at: Instant.nullable().meta({
      description: 'When its next job is asked for. Null while it is paused, and when no tick is left.',
    }),
    last_tick: TickView.nullable(),
    last_job_id: JobId.nullable().meta({ description: 'The newest job that a tick has asked for.' }),
    counts: z
      .object({ requested: z.int(), skipped: z.int(), missed: z.int(), refused: z.int() })
      .meta({ description: 'What became of its ticks.' }),
    links: z.object({ schedule: z.string(), preview: z.string(), run: z.string() }),
  }),
);

const ClockChange = z.object({
  at: Instant,
  minutes_ahead_before: z.int().meta({ description: 'Of UTC.' }),
  minutes_ahead_after: z.int(),
  ticks: z.array(Instant).meta({ description: 'Of that day, the first 30.' }),
});

export const SchedulePreview = named(
  'SchedulePreview',
  z.object({
    ticks: z.array(Instant).meta({ description: 'The next ten.' }),
    clock_changes: z.array(ClockChange).meta({
      description: 'Of the coming year, in the time zone of `cron`. Empty for `every_s`.',
    }),
  }),
);

const PREVIEWED = 10;
const PREVIEWED_OF_DAY = 30;
const NO_TICKS = { requested: 0, skipped: 0, missed: 0, refused: 0 };

/** A schedule as callers read it. */
export function scheduleView(
  { progress }: Pick<ScheduleStore, 'progress'>,
  schedule: Schedule,
  nowMs: number,
): z.infer<typeof ScheduleView> {
  const { tenant_id, actor: _, counts_from: __, ...own } = schedule;
  const come = progress.peek(scheduleKey(schedule));
  const nextMs = schedule.paused ? undefined : nextAfter(schedule, come, nowMs);
  return {
    ...own,
    next_at: nextMs === undefined ? null : new Date(nextMs).toISOString(),
    last_tick: come?.last_tick ?? null,
    last_job_id: come?.last_job_id ?? null,
    counts: { ...NO_TICKS, ...come?.counts },
    links: scheduleLinks(tenant_id, schedule.schedule_id),
  };
}

export function schedulePreview(schedule: Schedule, nowMs: number): z.infer<typeof SchedulePreview> {
  return {
    ticks: ticksAfter(schedule, nowMs, PREVIEWED).map(instant),
    clock_changes: clockChangesAfter(schedule, nowMs, PREVIEWED_OF_DAY).map(
      ({ atMs, fromMinutes, toMinutes, ticks }) => ({
        at: instant(atMs),
        minutes_ahead_before: fromMinutes,
        minutes_ahead_after: toMinutes,
        ticks: ticks.map(instant),
      }),
    ),
  };
}

export function scheduleLinks(tenantId: string, scheduleId: string) {
  const schedule = `/v2/tenants/${tenantId}/schedules/${scheduleId}`;
  return { schedule, preview: `${schedule}/preview`, run: `${schedule}/run` };
}

/** When its next job is asked for: also one whose moment is about to come, or has passed. */
function nextAfter(
  schedule: Schedule,
  come: ScheduleProgress | undefined,
  nowMs: number,
): number | undefined {
  const spread = spreadMs(schedule);
  const doneMs = come === undefined ? 0 : Date.parse(come.last_tick.at);
  const afterMs = Math.max(nowMs - spread, doneMs, Date.parse(schedule.counts_from));
  const tickMs = tickAfter(schedule, afterMs);
  return tickMs === undefined ? undefined : tickMs + spread;
}

const instant = (ms: number) => new Date(ms).toISOString();
