import type { BulkAction, InputError } from '@errand/contracts';
import { z } from 'zod';
import { EmptyBody, parseEmptyBody } from '../http/body-errors.ts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { type HttpGroup, readOptionalJsonObject } from '../http/read-body.ts';
import { createQueryReader, cursorOf, DEFAULT_LIMIT, readCursor, readLimit } from '../http/read-query.ts';
import { answer } from '../http/respond.ts';
import { json, jsonBody } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { actorSeen, assertManyJobs, assertMayAct, assertRoom, readBulkAction } from './bulk-access.ts';
import type { BulkGroup } from './bulk-group.ts';
import { aborted, resumed } from './bulk-progress.ts';
import { BulkView, bulkView } from './bulk-view.ts';

const BULK_ACTIONS = `${parameters.TENANT}/bulk-actions`;
const BULK_ACTION = `${BULK_ACTIONS}/{bulk_id}`;

export const listBulkActions = defineRoute({
  method: 'get',
  path: BULK_ACTIONS,
  key: 'tenant',
  scope: 'jobs:read',
  keyLimits: 'kept',
  id: 'listBulkActions',
  tag: 'Bulk actions',
  summary: 'Bulk actions',
  description: 'Newest first. They are kept for 7 days after their last change.',
  parameters: [parameters.tenantId, parameters.limit(200, 50), parameters.cursor],
  answers: {
    200: json('A page.', z.object({ bulk_actions: z.array(BulkView), next_cursor: z.string().nullable() })),
  },
  problems: ['invalid_input'],
  handle:
    ({ bulk }: BulkGroup) =>
    async (c, caller) => {
      assertManyJobs(caller);
      const errors: InputError[] = [];
      const read = createQueryReader(new URL(c.req.url).searchParams, errors);
      const belowId = read.one('cursor', readCursor);
      const limit = read.one('limit', readLimit) ?? DEFAULT_LIMIT;
      read.refuseOthers();
      if (errors.length > 0) throw new Refusal('invalid_input', { errors });
      const wanted = { tenantId: caller.tenantId, actor: actorSeen(caller), belowId, limit };
      const { actions, nextBelowId } = await bulk.store.list(wanted);
      const nextCursor = nextBelowId === undefined ? null : cursorOf(nextBelowId);
      return answer(c, {
        status: 200,
        body: { bulk_actions: actions.map(bulkView), next_cursor: nextCursor },
      });
    },
});

export const getBulkAction = defineRoute({
  method: 'get',
  path: BULK_ACTION,
  key: 'tenant',
  scope: 'jobs:read',
  query: 'none',
  keyLimits: 'kept',
  id: 'getBulkAction',
  tag: 'Bulk actions',
  summary: 'A bulk action',
  description: 'How far it is.',
  parameters: [parameters.tenantId, parameters.bulkId],
  answers: { 200: json('The bulk action.', BulkView) },
  problems: ['unknown_bulk_action'],
  handle:
    ({ bulk }: BulkGroup) =>
    async (c, caller) => {
      const action = await readBulkAction(bulk.store, caller, c.req.param('bulk_id'));
      return answer(c, { status: 200, body: bulkView(action) });
    },
});

/** Asking again changes nothing. */
const setAborted = (isAborted: boolean) =>
  defineRoute({
    method: 'post',
    path: `${BULK_ACTION}/${isAborted ? 'abort' : 'resume'}`,
    key: 'tenant',
    // The one that its action needs.
    scope: 'any',
    query: 'none',
    id: isAborted ? 'abortBulkAction' : 'resumeBulkAction',
    tag: 'Bulk actions',
    summary: isAborted ? 'Stop a bulk action' : 'Go on with a bulk action',
    description: isAborted
      ? 'It stops before the next job; what is under way still counts. It can be resumed.'
      : 'One that was stopped goes on behind the jobs that had their turn.',
    parameters: [parameters.tenantId, parameters.bulkId],
    body: jsonBody(EmptyBody, { required: false }),
    answers: { 200: json(isAborted ? 'It is stopped.' : 'It runs.', BulkView) },
    problems: [
      'unknown_bulk_action',
      'bulk_action_ended',
      ...(isAborted ? [] : (['too_many_bulk_actions'] as const)),
    ],
    handle:
      ({ http, bulk }: HttpGroup & BulkGroup) =>
      async (c, caller) => {
        parseEmptyBody((await readOptionalJsonObject(c, http)).body);
        const action = await readBulkAction(bulk.store, caller, c.req.param('bulk_id'));
        assertMayAct(caller, action.action);
        if (!isAborted && action.state === 'aborted') assertRoom(bulk, caller.tenantId);
        const nowMs = bulk.now();
        const change = isAborted ? (each: BulkAction) => aborted(each, nowMs) : resumed;
        const stored = await bulk.store.change(action, change);
        return answer(c, { status: 200, body: bulkView(unended(stored)) });
      },
  });

export const abortBulkAction = setAborted(true);
export const resumeBulkAction = setAborted(false);

/** @throws Refusal unknown_bulk_action, bulk_action_ended */
function unended(action: BulkAction | undefined): BulkAction {
  if (!action) throw new Refusal('unknown_bulk_action');
  if (action.state === 'done') throw new Refusal('bulk_action_ended');
  return action;
}
