import type { InputError, Schedule } from '@errand/contracts';
import { z } from 'zod';
import { parseBody } from '../http/body-errors.ts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { type HttpGroup, readJsonObject } from '../http/read-body.ts';
import {
  createQueryReader,
  DEFAULT_LIMIT,
  isDryRun,
  readLimit,
  refuseUnknownParameters,
} from '../http/read-query.ts';
import { answer, answerEmpty } from '../http/respond.ts';
import { inQuery, json, jsonBody } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { assertRight } from './check-schedule.ts';
import { asksForTheSame, changed, newSchedule, ScheduleChange, ScheduleRequest } from './schedule-draft.ts';
import {
  cursorOfSchedule,
  newScheduleId,
  readScheduleCursor,
  SCHEDULE,
  SCHEDULES,
  scheduleId,
} from './schedule-id.ts';
import { readSchedule, scheduleKey } from './schedule-store.ts';
import {
  SchedulePreview,
  ScheduleView,
  scheduleLinks,
  schedulePreview,
  scheduleView,
} from './schedule-view.ts';
import type { SchedulesGroup } from './schedules-group.ts';

/** Makes a schedule. With the same `external_id`, the same request makes one, however often it is sent. */
export const createSchedule = defineRoute({
  method: 'post',
  path: SCHEDULES,
  key: 'tenant',
  scope: 'schedules:write',
  changes: 'limited',
  id: 'createSchedule',
  tag: 'Schedules',
  summary: 'Make a schedule',
  description:
    'It asks for a job at each of its ticks, as a run with this input would. With `validate_only` nothing is made, and the answer tells the next ticks. A schedule lives on without the key that made it.',
  parameters: [parameters.tenantId, parameters.validateOnly],
  body: jsonBody(ScheduleRequest, {
    example: {
      action: 'performance_simulation',
      resource: { design_id: 'd-1' },
      input: {
        location: { latitude: 39.74, longitude: -105.18, utc_offset_h: -7 },
        arrays: [{ dc_kw: 4, tilt_deg: 20, azimuth_deg: 180 }],
        inverter: { ac_kw: 3.8 },
      },
      cron: '0 6 * * 1-5',
      time_zone: 'Europe/Berlin',
    },
  }),
  answers: {
    200: json(
      'It was there already; or what the preview of it would be, with `validate_only`.',
      z.union([ScheduleView, SchedulePreview]),
    ),
    201: json('It is made.', ScheduleView, { headers: ['Location'] }),
  },
  problems: [
    'too_many_schedules',
    'schedule_exists',
    'too_many_changes',
    'bad_contract',
    'nested_too_deeply',
  ],
  handle:
    ({ http, schedules }: HttpGroup & SchedulesGroup) =>
    async (c, { tenantId, name, actor }) => {
      refuseUnknownParameters(c, ['validate_only']);
      const isOnlyChecked = isDryRun(c);
      const body = parseBody(ScheduleRequest, (await readJsonObject(c, http)).body);
      const { store, now, perTenant } = schedules;
      const nowMs = now();
      const schedule_id = newScheduleId(tenantId, body.external_id);
      const owner = { tenant_id: tenantId, schedule_id, created_by: name, actor };
      const schedule = newSchedule(body, owner, nowMs);
      await assertRight(schedule, schedules, nowMs);
      if (isOnlyChecked) return answer(c, { status: 200, body: schedulePreview(schedule, nowMs) });
      const { schedule: location } = scheduleLinks(tenantId, schedule_id);
      const most = perTenant(tenantId);
      const key = scheduleKey(schedule);
      for (;;) {
        const stored = await store.schedules.get(key);
        if (stored) {
          if (!asksForTheSame(stored, schedule)) throw new Refusal('schedule_exists');
          return answer(c, { status: 200, body: scheduleView(store, stored, nowMs) });
        }
        if (store.count(tenantId) >= most) {
          throw new Refusal('too_many_schedules', { detail: `The tenant may have ${most} schedules.` });
        }
        store.admit(schedule);
        if (await store.schedules.by(actor).create(key, schedule)) {
          const view = scheduleView(store, schedule, nowMs);
          return answer(c, { status: 201, body: view, headers: { location } });
        }
      }
    },
});

export const listSchedules = defineRoute({
  method: 'get',
  path: SCHEDULES,
  key: 'tenant',
  scope: 'schedules:read',
  id: 'listSchedules',
  tag: 'Schedules',
  summary: 'Schedules',
  description: 'By their ids.',
  parameters: [
    parameters.tenantId,
    inQuery('external_id', 'Only the one with this name.', { type: 'string' }),
    parameters.limit(200, DEFAULT_LIMIT),
    parameters.cursor,
  ],
  answers: {
    200: json('A page.', z.object({ schedules: z.array(ScheduleView), next_cursor: z.string().nullable() })),
  },
  problems: ['invalid_input'],
  handle:
    ({ schedules: { store, now } }: SchedulesGroup) =>
    (c, { tenantId }) => {
      const errors: InputError[] = [];
      const read = createQueryReader(new URL(c.req.url).searchParams, errors);
      const externalId = read.one('external_id', (text) => ({ value: text }));
      const after = read.one('cursor', readScheduleCursor);
      const limit = read.one('limit', readLimit) ?? DEFAULT_LIMIT;
      read.refuseOthers();
      if (errors.length > 0) throw new Refusal('invalid_input', { errors });
      const isWanted = ({ schedule_id, external_id }: Schedule) =>
        (after === undefined || schedule_id > after) &&
        (externalId === undefined || external_id === externalId);
      const wanted = store.of(tenantId).filter(isWanted);
      const page = wanted.slice(0, limit);
      const last = wanted.length > limit ? page.at(-1) : undefined;
      const nowMs = now();
      return answer(c, {
        status: 200,
        body: {
          schedules: page.map((each) => scheduleView(store, each, nowMs)),
          next_cursor: last ? cursorOfSchedule(last.schedule_id) : null,
        },
      });
    },
});

export const getSchedule = defineRoute({
  method: 'get',
  path: SCHEDULE,
  key: 'tenant',
  scope: 'schedules:read',
  query: 'none',
  id: 'getSchedule',
  tag: 'Schedules',
  summary: 'A schedule',
  description: 'With what became of its last tick.',
  parameters: [parameters.tenantId, scheduleId],
  answers: { 200: json('The schedule.', ScheduleView) },
  problems: ['unknown_schedule'],
  handle:
    ({ schedules: { store, now } }: SchedulesGroup) =>
    async (c, { tenantId }) => {
      const schedule = await readSchedule(store, tenantId, c.req.param('schedule_id'));
      return answer(c, { status: 200, body: scheduleView(store, schedule, now()) });
    },
});

export const previewSchedule = defineRoute({
  method: 'get',
  path: `${SCHEDULE}/preview`,
  key: 'tenant',
  scope: 'schedules:read',
  query: 'none',
  id: 'previewSchedule',
  tag: 'Schedules',
  summary: 'When a schedule ticks next',
  description:
    'Also what ticks on the days of the coming year on which the clocks of its time zone are changed.',
  parameters: [parameters.tenantId, scheduleId],
  answers: { 200: json('The next ticks.', SchedulePreview) },
  problems: ['unknown_schedule'],
  handle:
    ({ schedules: { store, now } }: SchedulesGroup) =>
    async (c, { tenantId }) => {
      const schedule = await readSchedule(store, tenantId, c.req.param('schedule_id'));
      return answer(c, { status: 200, body: schedulePreview(schedule, now()) });
    },
});

/** Changes the members that are sent and no others, however many do so at once. */
export const changeSchedule = defineRoute({
  method: 'patch',
  path: SCHEDULE,
  key: 'tenant',
  scope: 'schedules:write',
  query: 'none',
  changes: 'limited',
  id: 'changeSchedule',
  tag: 'Schedules',
  summary: 'Change a schedule',
  description:
    'The members that are sent, and no others. With another timing it ticks by that from now on; what it has missed is not made up for.',
  parameters: [parameters.tenantId, scheduleId],
  body: jsonBody(ScheduleChange, { example: { cron: '0 7 * * 1-5' } }),
  answers: { 200: json('The schedule.', ScheduleView) },
  problems: [
    'unknown_schedule',
    'too_many_schedules',
    'too_many_changes',
    'bad_contract',
    'nested_too_deeply',
  ],
  handle:
    ({ http, schedules }: HttpGroup & SchedulesGroup) =>
    async (c, { tenantId, actor }) => {
      const { store, now } = schedules;
      const known = await readSchedule(store, tenantId, c.req.param('schedule_id'));
      const body = parseBody(ScheduleChange, (await readJsonObject(c, http)).body);
      const nowMs = now();
      for (let before = known; ; ) {
        const after = changed(before, body, nowMs);
        await assertRight(after, schedules, nowMs);
        store.admit(after);
        const stored = await store.schedules
          .by(actor)
          .change(scheduleKey(known), (newest) => (newest.updated_at === before.updated_at ? after : newest));
        if (!stored) throw new Refusal('unknown_schedule');
        if (stored === after) return answer(c, { status: 200, body: scheduleView(store, after, nowMs) });
        // Another change came first.
        before = stored;
      }
    },
});

export const deleteSchedule = defineRoute({
  method: 'delete',
  path: SCHEDULE,
  key: 'tenant',
  scope: 'schedules:write',
  query: 'none',
  id: 'deleteSchedule',
  tag: 'Schedules',
  summary: 'Remove a schedule',
  description: 'Its jobs stay as they are.',
  parameters: [parameters.tenantId, scheduleId],
  answers: { 204: { description: 'It is gone.' } },
  problems: ['unknown_schedule'],
  handle:
    ({ schedules: { store } }: SchedulesGroup) =>
    async (c, { tenantId, actor }) => {
      const key = scheduleKey(await readSchedule(store, tenantId, c.req.param('schedule_id')));
      await store.schedules.by(actor).delete(key);
      await store.progress.delete(key);
      return answerEmpty(c, 204);
    },
});
