import { isDeepStrictEqual } from 'node:util';
import {
  ActionName,
  SCHEDULE_CATCH_UPS,
  SCHEDULE_DEFAULTS,
  SCHEDULE_OVERLAPS,
  type Schedule,
  ScheduleTiming,
} from '@errand/contracts';
import { z } from 'zod';
import { printable } from '../http/body-errors.ts';
import { named } from '../openapi/schemas.ts';
import { JobOptions } from '../runs/job-options.ts';

const MAX_EVERY_S = 31_536_000;
const MAX_SPREAD_S = 86_400;
const Time = z.iso.datetime({ offset: true }).nullable();

const members = {
  cron: z.string().max(200).nullable().optional().meta({
    description: 'Five fields as in crontab: minute, hour, day, month, weekday; instead of `every_s`.',
  }),
  time_zone: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .meta({ description: 'By whose clocks `cron` is read, such as `Europe/Berlin`. Default: `UTC`.' }),
  every_s: z
    .int()
    .min(1)
    .max(MAX_EVERY_S)
    .nullable()
    .optional()
    .meta({ description: 'Seconds between two ticks, from `starts_at` or the creation on.' }),
  starts_at: Time.optional().meta({ description: 'No tick before this. Default: now.' }),
  ends_at: Time.optional().meta({ description: 'No tick after this. Default: none.' }),
  resource: z
    .record(z.string().max(64), z.string().max(200))
    .optional()
    .meta({ description: 'The parameters of the action\'s resource, such as `{"design_id": "d-1"}`.' }),
  input: z.record(z.string(), z.unknown()).optional().meta({ description: "The action's input." }),
  job: JobOptions.omit({ start_after: true })
    .optional()
    .meta({ description: 'What a run may say under `_job`, but for `start_after`.' }),
  overlap: z.enum(SCHEDULE_OVERLAPS).optional().meta({
    description:
      'What a tick does while the job of the tick before has not ended: its own job waits behind it (`queue`, by default), is not asked for (`skip`), or that one is canceled (`cancel_running`).',
  }),
  catch_up: z.enum(SCHEDULE_CATCH_UPS).optional().meta({
    description:
      'Which of the ticks that were missed for more than a minute are made up for: none, the last (by default), or all.',
  }),
  spread_s: z.int().min(0).max(MAX_SPREAD_S).optional().meta({
    description:
      'The jobs of many schedules that tick together are asked for within so many seconds, each at its own moment. Default: 0.',
  }),
  description: printable(z.string().max(500)).optional(),
};

export const ScheduleRequest = named(
  'ScheduleRequest',
  z.strictObject({
    action: ActionName,
    external_id: printable(z.string().min(1).max(200)).optional().meta({
      description: 'A name of your choice. A tenant has one schedule of each.',
    }),
    paused: z.boolean().optional(),
    ...members,
  }),
);
export type ScheduleRequest = z.infer<typeof ScheduleRequest>;

export const ScheduleChange = named(
  'ScheduleChange',
  z.strictObject({ action: ActionName.optional(), ...members }),
);
export type ScheduleChange = z.infer<typeof ScheduleChange>;

type Owner = Pick<Schedule, 'tenant_id' | 'schedule_id' | 'created_by' | 'actor'>;

/** A new schedule as it would be stored. */
export function newSchedule(
  { external_id, paused = false, action, ...sent }: ScheduleRequest,
  owner: Owner,
  nowMs: number,
): Schedule {
  const at = new Date(nowMs).toISOString();
  const times = { counts_from: at, created_at: at, updated_at: at };
  const bare = { ...SCHEDULE_DEFAULTS, ...owner, ...times, external_id: external_id ?? null, paused, action };
  return { ...changed(bare, sent, nowMs), ...times };
}

/** With another timing it ticks from now on. */
export function changed(schedule: Schedule, sent: ScheduleChange, nowMs: number): Schedule {
  const made = touched(
    {
      ...schedule,
      action: sent.action ?? schedule.action,
      ...timingWith(schedule, sent),
      resource: sent.resource ?? schedule.resource,
      input: sent.input ?? schedule.input,
      job: sent.job ?? schedule.job,
      overlap: sent.overlap ?? schedule.overlap,
      catch_up: sent.catch_up ?? schedule.catch_up,
      spread_s: sent.spread_s ?? schedule.spread_s,
      description: sent.description ?? schedule.description,
    },
    nowMs,
  );
  const isTimedAlike = isDeepStrictEqual(timingOf(made), timingOf(schedule));
  return isTimedAlike ? made : { ...made, counts_from: new Date(nowMs).toISOString() };
}

/** Who names an expression means it instead of seconds, and the other way round. */
function timingWith(before: ScheduleTiming, sent: ScheduleChange): ScheduleTiming {
  const { cron = sent.every_s ? null : before.cron, every_s = sent.cron ? null : before.every_s } = sent;
  const { time_zone = before.time_zone, starts_at = before.starts_at, ends_at = before.ends_at } = sent;
  return { cron, every_s, time_zone, starts_at: inUtc(starts_at), ends_at: inUtc(ends_at) };
}

function inUtc(time: string | null): string | null {
  return time && new Date(time).toISOString();
}

/** Versions of a schedule are told apart by `updated_at`, so it never stands still. */
export function touched(schedule: Schedule, nowMs: number): Schedule {
  const updatedMs = Math.max(nowMs, Date.parse(schedule.updated_at) + 1);
  return { ...schedule, updated_at: new Date(updatedMs).toISOString() };
}

/** Whether two schedules ask for the same, whoever made them and when. */
export function asksForTheSame(one: Schedule, other: Schedule): boolean {
  return isDeepStrictEqual(askedBy(one), askedBy(other));
}

function askedBy(schedule: Schedule): unknown {
  const { action, resource, input, job, overlap, catch_up, spread_s, description } = schedule;
  return [timingOf(schedule), action, resource, input, job, overlap, catch_up, spread_s, description];
}

function timingOf(schedule: Schedule): ScheduleTiming {
  return ScheduleTiming.parse(schedule);
}
