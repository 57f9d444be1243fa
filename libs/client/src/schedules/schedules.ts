import { checkObject, checkOptions, type Members } from '../http/check-options.ts';
import { createPages, type Pages } from '../http/pages.ts';
import { path } from '../http/path.ts';
import type { Transport } from '../http/transport.ts';
import type { AcceptedJob } from '../jobs/job.ts';
import { instantOf } from '../jobs/list-jobs.ts';
import {
  CALL,
  type CallOptions,
  type JobOptions,
  jobOf,
  SEND,
  type SendOptions,
  sendHeaders,
} from '../jobs/run.ts';
import type { Schedule, ScheduleCatchUp, ScheduleOverlap, SchedulePreview } from './schedule.ts';

/** Its job's options are among its own, as for a run. Either `cron` or `everyS` says when it ticks. */
export interface ScheduleChange extends Omit<JobOptions, 'startAfter'> {
  readonly action?: string | undefined;
  readonly resource?: Readonly<Record<string, string>> | undefined;
  readonly input?: object | undefined;
  /** Five fields as in crontab. */
  readonly cron?: string | undefined;
  /** By whose clocks `cron` is read, such as `Europe/Berlin`. Default: `UTC`. */
  readonly timeZone?: string | undefined;
  readonly everyS?: number | undefined;
  readonly startsAt?: Date | string | null | undefined;
  readonly endsAt?: Date | string | null | undefined;
  /** Default: `queue`. */
  readonly overlap?: ScheduleOverlap | undefined;
  /** Default: `last`. */
  readonly catchUp?: ScheduleCatchUp | undefined;
  /** The jobs of many schedules that tick together come within so many seconds. Default: 0. */
  readonly spreadS?: number | undefined;
  readonly description?: string | undefined;
}

export interface ScheduleDraft extends ScheduleChange {
  readonly action: string;
  /** A name of your choice. A tenant has one schedule of each: the same again makes no other. */
  readonly externalId?: string | undefined;
  readonly paused?: boolean | undefined;
}

export interface ScheduleListOptions extends CallOptions {
  readonly externalId?: string | undefined;
  /** At most 200; default 50. */
  readonly pageSize?: number | undefined;
  readonly cursor?: string | undefined;
}

/** Jobs that are asked for by the clock. All but `create` throw ErrandError `unknown_schedule`. */
export interface Schedules {
  /** @throws ErrandError `invalid_input`, `schedule_exists`, `too_many_schedules` */
  create(draft: ScheduleDraft, options?: CallOptions): Promise<Schedule>;
  /** When it would tick; nothing is made. @throws ErrandError `invalid_input` */
  check(draft: ScheduleDraft, options?: CallOptions): Promise<SchedulePreview>;
  /** By their ids. */
  list(options?: ScheduleListOptions): Pages<Schedule>;
  get(scheduleId: string, options?: CallOptions): Promise<Schedule>;
  /** When it ticks next. */
  preview(scheduleId: string, options?: CallOptions): Promise<SchedulePreview>;
  /** Changes what is given. With options of its job it has exactly these from then on. */
  change(scheduleId: string, change: ScheduleChange, options?: CallOptions): Promise<Schedule>;
  pause(scheduleId: string, options?: CallOptions): Promise<Schedule>;
  /** What it has missed is not made up for. */
  resume(scheduleId: string, options?: CallOptions): Promise<Schedule>;
  /** Runs its job now, beside its ticks. */
  run(scheduleId: string, options?: SendOptions): Promise<AcceptedJob>;
  delete(scheduleId: string, options?: CallOptions): Promise<void>;
}

const CHANGE: Members<ScheduleChange> = {
  action: true,
  resource: true,
  input: true,
  cron: true,
  timeZone: true,
  everyS: true,
  startsAt: true,
  endsAt: true,
  overlap: true,
  catchUp: true,
  spreadS: true,
  description: true,
  metadata: true,
  startByS: true,
  finishByS: true,
  priority: true,
  concurrencyKeys: true,
  webhook: true,
};
const DRAFT: Members<ScheduleDraft> = { ...CHANGE, externalId: true, paused: true };
const LIST: Members<ScheduleListOptions> = { externalId: true, pageSize: true, cursor: true, signal: true };
const SCHEDULES = '/schedules';

export function createSchedules(transport: Transport): Schedules {
  function at<T>(method: 'GET' | 'POST', route: string, options: CallOptions = {}): Promise<T> {
    checkOptions(options, CALL);
    return transport.json({ method, path: route, isRepeatable: true, signal: options.signal });
  }
  function send<T>(draft: ScheduleDraft, options: CallOptions, query?: Record<string, string>): Promise<T> {
    checkObject(draft, 'the schedule');
    checkOptions(draft, DRAFT, 'the schedule');
    checkOptions(options, CALL);
    const { externalId, paused } = draft;
    const body = { ...bodyOf(draft), external_id: externalId, paused };
    const isRepeatable = externalId !== undefined || query !== undefined;
    return transport.json({
      method: 'POST',
      path: SCHEDULES,
      body,
      isRepeatable,
      signal: options.signal,
      ...(query && { query }),
    });
  }
  return {
    create: async (draft, options = {}) => send(draft, options),
    check: async (draft, options = {}) => send(draft, options, { validate_only: 'true' }),
    list: (options = {}) =>
      createPages(async (cursor) => {
        checkOptions(options, LIST);
        const { schedules: items, next_cursor: nextCursor } = await transport.json<{
          schedules: Schedule[];
          next_cursor: string | null;
        }>({
          method: 'GET',
          path: SCHEDULES,
          query: { external_id: options.externalId, limit: options.pageSize, cursor },
          signal: options.signal,
        });
        return { items, nextCursor };
      }, options?.cursor),
    get: async (id, options) => at('GET', path`/schedules/${id}`, options),
    preview: async (id, options) => at('GET', path`/schedules/${id}/preview`, options),
    async change(id, change, options = {}) {
      checkObject(change, 'the change');
      checkOptions(change, CHANGE, 'the change');
      checkOptions(options, CALL);
      const { signal } = options;
      const route = path`/schedules/${id}`;
      return transport.json({
        method: 'PATCH',
        path: route,
        body: bodyOf(change),
        isRepeatable: true,
        signal,
      });
    },
    pause: async (id, options) => at('POST', path`/schedules/${id}/pause`, options),
    resume: async (id, options) => at('POST', path`/schedules/${id}/resume`, options),
    async run(id, options = {}) {
      checkOptions(options, SEND);
      return transport.json({
        method: 'POST',
        path: path`/schedules/${id}/run`,
        headers: sendHeaders(options),
        isRepeatable: true,
        signal: options.signal,
      });
    },
    async delete(id, options = {}) {
      checkOptions(options, CALL);
      const { signal } = options;
      await transport.json({ method: 'DELETE', path: path`/schedules/${id}`, isRepeatable: false, signal });
    },
  };
}

function bodyOf(change: ScheduleChange): object {
  const { action, resource, input, cron, timeZone, everyS, startsAt, endsAt } = change;
  const { overlap, catchUp, spreadS, description } = change;
  return {
    action,
    resource,
    input,
    job: jobOf(change),
    cron,
    time_zone: timeZone,
    every_s: everyS,
    starts_at: startsAt === null ? null : instantOf(startsAt),
    ends_at: endsAt === null ? null : instantOf(endsAt),
    overlap,
    catch_up: catchUp,
    spread_s: spreadS,
    description,
  };
}
