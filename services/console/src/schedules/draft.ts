import type { SCHEDULE_DEFAULTS, Schedule } from '@errand/contracts';
import type { Schema } from '../actions/schema.ts';
import { inputOf, type Written } from '../actions/written-input.ts';
import type { ScheduleView } from '../api/answers.ts';
import type { Json, JsonObject } from '../api/exact-json.ts';

/** What a tick does while the job of the tick before has not ended. */
export const OVERLAPS: Record<Schedule['overlap'], string> = {
  queue: 'the new job waits behind the one before',
  skip: 'no job is asked for while the one before runs',
  cancel_running: 'the job before is canceled',
};

/** Which ticks are made up for that were missed. */
export const CATCH_UPS: Record<Schedule['catch_up'], string> = {
  none: 'missed ticks are not made up for',
  last: 'of missed ticks the last one is made up for',
  all: 'all missed ticks are made up for',
};

/** A schedule as its form holds it. */
export interface Draft {
  readonly action: string;
  /** What it ticks by; the other one is kept while the form is open. */
  readonly by: 'cron' | 'every_s';
  readonly resource: JsonObject;
  readonly input: Written;
  /** The other members of a request, by their names; those that are left out are as `CLEARED` says. */
  readonly members: JsonObject;
}

/** What a member is that is empty in the form: a change must say so, since it leaves out what stays. */
const CLEARED: Pick<
  typeof SCHEDULE_DEFAULTS,
  'time_zone' | 'starts_at' | 'ends_at' | 'job' | 'overlap' | 'catch_up' | 'spread_s' | 'description'
> = {
  time_zone: 'UTC',
  starts_at: null,
  ends_at: null,
  job: {},
  overlap: 'queue',
  catch_up: 'last',
  spread_s: 0,
  description: '',
};

/** `timeZone`: of the person at the form. */
export function newDraft(timeZone: string): Draft {
  const { overlap, catch_up } = CLEARED;
  const members = { time_zone: timeZone, overlap, catch_up };
  return { action: '', by: 'cron', resource: {}, input: { value: {} }, members };
}

export function draftOf(schedule: ScheduleView): Draft {
  const { action, cron, every_s, resource, input } = schedule;
  const names = Object.keys(CLEARED) as (keyof typeof CLEARED)[];
  const members = { cron, every_s, ...Object.fromEntries(names.map((name) => [name, schedule[name]])) };
  const filled = Object.entries(members).filter(([, value]) => value !== null);
  return {
    action,
    by: cron === null ? 'every_s' : 'cron',
    resource,
    input: { value: input as JsonObject },
    members: Object.fromEntries(filled) as JsonObject,
  };
}

/**
 * The body of a request that makes the schedule.
 * @throws SyntaxError for an input that is no JSON
 */
export function bodyOf({ action, by, resource, input, members }: Draft): JsonObject {
  const { cron = '', every_s = null, ...others } = members;
  return {
    ...CLEARED,
    ...others,
    action,
    resource,
    input: inputOf(input),
    cron: by === 'cron' ? cron : null,
    every_s: by === 'every_s' ? every_s : null,
  };
}

/** The members of a body that are others than before. */
export function changesOf(body: JsonObject, before: JsonObject): JsonObject {
  const textOf = (value: Json | undefined) => JSON.stringify(value);
  return Object.fromEntries(
    Object.entries(body).filter(([name, value]) => textOf(value) !== textOf(before[name])),
  );
}

export const TIMINGS: Readonly<Record<Draft['by'], Schema>> = {
  cron: {
    type: 'object',
    required: ['cron'],
    properties: {
      cron: {
        type: 'string',
        title: 'Cron expression',
        description: 'Minute, hour, day, month, weekday',
        examples: ['30 6 * * 1-5'],
      },
      time_zone: { type: 'string', title: 'Time zone', examples: ['UTC'] },
    },
  },
  every_s: {
    type: 'object',
    required: ['every_s'],
    properties: { every_s: { type: 'integer', title: 'Seconds between two ticks' } },
  },
};

export const PERIOD: Schema = {
  type: 'object',
  properties: {
    starts_at: { type: 'string', format: 'date-time', title: 'Starts', description: 'No tick before this' },
    ends_at: { type: 'string', format: 'date-time', title: 'Ends', description: 'No tick after this' },
  },
};

export const MANNER: Schema = {
  type: 'object',
  required: ['overlap', 'catch_up'],
  properties: {
    overlap: {
      enum: Object.keys(OVERLAPS),
      title: 'Overlap',
      description: `While the job before has not ended. ${sentenceOf(OVERLAPS)}`,
    },
    catch_up: { enum: Object.keys(CATCH_UPS), title: 'Catch-up', description: sentenceOf(CATCH_UPS) },
    spread_s: {
      type: 'integer',
      title: 'Spread, in seconds',
      description: 'It has a moment of its own within so many seconds behind each tick',
    },
    description: { type: 'string', title: 'Description' },
    job: {
      type: 'object',
      title: 'Its jobs',
      properties: {
        metadata: { type: 'object', title: 'Metadata' },
        priority: { type: 'integer', minimum: 1, maximum: 9, title: 'Priority' },
        start_by_s: { type: 'integer', title: 'Seconds in which a job must start' },
        finish_by_s: { type: 'integer', title: 'Seconds in which a job must end' },
        concurrency_keys: { type: 'object', title: 'Concurrency keys' },
        webhook: { type: 'object', title: 'Webhook' },
      },
    },
  },
};

/** It names a schedule for good, so only a new one has it in its form. */
export const NAME: Schema = {
  type: 'object',
  properties: {
    external_id: {
      type: 'string',
      title: 'External id',
      description: 'A name of your choice; the tenant has one schedule of each',
    },
  },
};

function sentenceOf(words: Readonly<Record<string, string>>): string {
  return Object.entries(words)
    .map(([name, meaning]) => `${name}: ${meaning}`)
    .join('; ');
}
