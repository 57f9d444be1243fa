import { z } from 'zod';
import { Instant } from './events/events.ts';
import { ActionName, JobId, ScheduleId, TenantId } from './ids.ts';

/** What a tick does while the job of the tick before has not ended. */
export const SCHEDULE_OVERLAPS = ['queue', 'skip', 'cancel_running'] as const;

/** Which of the ticks that nobody was there for are made up for. */
export const SCHEDULE_CATCH_UPS = ['none', 'last', 'all'] as const;

/** A tick is an instant at which a job is to be requested: by a cron expression, or every so many seconds. */
export const ScheduleTiming = z.object({
  /** Five fields, as in crontab(5), by the clocks of the time zone. */
  cron: z.string().nullable(),
  /** An IANA name, such as `Europe/Berlin`. */
  time_zone: z.string(),
  /** Counted from `starts_at`, or from the schedule's creation. */
  every_s: z.int().min(1).nullable(),
  starts_at: Instant.nullable(),
  ends_at: Instant.nullable(),
});
export type ScheduleTiming = z.infer<typeof ScheduleTiming>;

/** A schedule as it is stored. */
export const Schedule = ScheduleTiming.extend({
  tenant_id: TenantId,
  schedule_id: ScheduleId,
  external_id: z.string().nullable(),
  description: z.string(),
  action: ActionName,
  resource: z.record(z.string(), z.string()),
  input: z.record(z.string(), z.unknown()),
  /** What a caller may say under `_job`, as it was sent. */
  job: z.record(z.string(), z.unknown()),
  overlap: z.enum(SCHEDULE_OVERLAPS),
  catch_up: z.enum(SCHEDULE_CATCH_UPS),
  /** Each schedule has its own moment of so many seconds behind its ticks, so that not all come at once. */
  spread_s: z.int().min(0),
  paused: z.boolean(),
  /** Ticks up to here are not its own: it was made, resumed, or got another timing. */
  counts_from: Instant,
  /** The name of the key that made it, and who its jobs' requests are recorded as made by. */
  created_by: z.string(),
  actor: z.string(),
  created_at: Instant,
  updated_at: Instant,
});
export type Schedule = z.infer<typeof Schedule>;

/** What a schedule is where nothing else is said. */
export const SCHEDULE_DEFAULTS = {
  cron: null,
  time_zone: 'UTC',
  every_s: null,
  starts_at: null,
  ends_at: null,
  resource: {},
  input: {},
  job: {},
  overlap: 'queue',
  catch_up: 'last',
  spread_s: 0,
  description: '',
} as const satisfies Partial<Schedule>;

/**
 * What became of a tick. `skipped`: the job before had not ended. `missed`: nobody was there, and it is not made up for.
 * `refused`: its run would have been.
 */
export const TICK_OUTCOMES = ['requested', 'skipped', 'missed', 'refused'] as const;
export type TickOutcome = (typeof TICK_OUTCOMES)[number];

export const ScheduleTick = z.object({
  at: Instant,
  outcome: z.enum(TICK_OUTCOMES),
  job_id: JobId.nullable(),
  /** Of what was refused, as in a problem's answer. */
  code: z.string().nullable(),
  detail: z.string().nullable(),
});
export type ScheduleTick = z.infer<typeof ScheduleTick>;

/** How far a schedule's ticks have come. It is written after a tick's job was requested, so it may lag by one. */
export const ScheduleProgress = z.object({
  tenant_id: TenantId,
  schedule_id: ScheduleId,
  last_tick: ScheduleTick,
  /** The newest job that a tick has requested. */
  last_job_id: JobId.nullable(),
  counts: z.record(z.enum(TICK_OUTCOMES), z.int().min(0)),
});
export type ScheduleProgress = z.infer<typeof ScheduleProgress>;
