import type { Schedule } from '@errand/contracts';
import { EmptyBody, parseEmptyBody } from '../http/body-errors.ts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { type HttpGroup, readOptionalJsonObject } from '../http/read-body.ts';
import { answer } from '../http/respond.ts';
import { accepted, RUN_PROBLEMS, summaryAnswer } from '../openapi/job-answers.ts';
import { json, jsonBody } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { refTo } from '../openapi/schemas.ts';
import { acceptJob } from '../runs/accept-job.ts';
import type { RunDeps } from '../runs/runs-group.ts';
import { touched } from './schedule-draft.ts';
import { SCHEDULE, scheduleId } from './schedule-id.ts';
import { orderOf } from './schedule-order.ts';
import { readSchedule, scheduleKey } from './schedule-store.ts';
import { ScheduleView, scheduleView } from './schedule-view.ts';
import type { SchedulesGroup } from './schedules-group.ts';

/** Asks for a schedule's job now, whatever its ticks do. */
export const runSchedule = defineRoute({
  method: 'post',
  path: `${SCHEDULE}/run`,
  key: 'tenant',
  scope: 'schedules:write',
  query: 'none',
  id: 'runSchedule',
  tag: 'Schedules',
  summary: "Run a schedule's job now",
  description: 'Beside its ticks, also while it is paused, and whatever `overlap` says.',
  parameters: [
    parameters.tenantId,
    scheduleId,
    parameters.idempotencyKey,
    parameters.prefer,
    parameters.traceparent,
  ],
  body: jsonBody(EmptyBody, { required: false }),
  answers: {
    200: summaryAnswer('The job ended in the time that the caller wanted to wait.', refTo('JobSummary')),
    202: accepted,
  },
  problems: [...RUN_PROBLEMS, 'unknown_schedule'],
  handle: (deps: RunDeps & HttpGroup & SchedulesGroup) => async (c, caller) => {
    const { body, text } = await readOptionalJsonObject(c, deps.http);
    parseEmptyBody(body);
    const schedule = await readSchedule(deps.schedules.store, caller.tenantId, c.req.param('schedule_id'));
    const nowMs = deps.runs.now();
    const asked = await orderOf(schedule, deps.schedules, nowMs);
    if (asked.kind === 'unknown_action') throw new Refusal('unknown_action');
    if (asked.kind === 'invalid') throw new Refusal('invalid_input', { errors: asked.errors });
    const { order, inputBytes, actionPath } = asked;
    const at = new Date(nowMs).toISOString();
    const ordered = { ...order, schedule: { schedule_id: schedule.schedule_id, at } };
    return acceptJob(c, deps, { order: ordered, caller, kind: 'run', text, inputBytes, nowMs, actionPath });
  },
});

/** Asking again changes nothing. */
const setPaused = (isPaused: boolean) =>
  defineRoute({
    method: 'post',
    path: `${SCHEDULE}/${isPaused ? 'pause' : 'resume'}`,
    key: 'tenant',
    scope: 'schedules:write',
    query: 'none',
    changes: 'limited',
    id: isPaused ? 'pauseSchedule' : 'resumeSchedule',
    tag: 'Schedules',
    summary: isPaused ? 'Pause a schedule' : 'Resume a schedule',
    description: isPaused
      ? 'It asks for no jobs until it is resumed. Those that it has asked for go on.'
      : 'It ticks from now on; what it has missed is not made up for.',
    parameters: [parameters.tenantId, scheduleId],
    body: jsonBody(EmptyBody, { required: false }),
    answers: { 200: json('The schedule.', ScheduleView) },
    problems: ['unknown_schedule', 'too_many_changes'],
    handle:
      ({ http, schedules: { store, now } }: HttpGroup & SchedulesGroup) =>
      async (c, { tenantId, actor }) => {
        parseEmptyBody((await readOptionalJsonObject(c, http)).body);
        const known = await readSchedule(store, tenantId, c.req.param('schedule_id'));
        const nowMs = now();
        const counts_from = new Date(nowMs).toISOString();
        const make = (stored: Schedule): Schedule => {
          if (stored.paused === isPaused) return stored;
          const made = touched({ ...stored, paused: isPaused }, nowMs);
          return isPaused ? made : { ...made, counts_from };
        };
        const schedule = await store.schedules.by(actor).change(scheduleKey(known), make);
        if (!schedule) throw new Refusal('unknown_schedule');
        return answer(c, { status: 200, body: scheduleView(store, schedule, nowMs) });
      },
  });

export const pauseSchedule = setPaused(true);
export const resumeSchedule = setPaused(false);
