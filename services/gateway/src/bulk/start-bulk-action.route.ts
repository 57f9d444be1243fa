import { randomUUIDv7 } from 'node:crypto';
import type { BulkAction } from '@errand/contracts';
import type { Caller } from '../http/authenticate.ts';
import { parseBody } from '../http/body-errors.ts';
import { defineRoute } from '../http/define-route.ts';
import { type HttpGroup, readJsonObject } from '../http/read-body.ts';
import { answer } from '../http/respond.ts';
import { json, jsonBody } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { assertMayAct, assertRoom } from './bulk-access.ts';
import { matchingJobs } from './bulk-filter.ts';
import type { BulkGroup } from './bulk-group.ts';
import { BulkCount, BulkRequest, BulkView, bulkLinks, bulkView } from './bulk-view.ts';

/** Does the same to each of many jobs, as a task that can be followed. */
export const startBulkAction = defineRoute({
  method: 'post',
  path: `${parameters.TENANT}/bulk-actions`,
  key: 'tenant',
  // The one that its action needs.
  scope: 'any',
  query: 'none',
  reads: 'limited',
  id: 'startBulkAction',
  tag: 'Bulk actions',
  summary: 'Cancel, retry or redeliver many jobs',
  description:
    'All jobs that fit every member of the filter and were requested before this call. Each is treated as by a call of its own: `cancel` takes jobs that have not ended, `retry` those that ended without success, `redeliver` those with deliveries; the others are skipped. A key for some jobs reaches only these, and may not redeliver.',
  parameters: [parameters.tenantId],
  body: jsonBody(BulkRequest, {
    example: {
      action: 'retry',
      filter: { status: ['failed'], action: ['performance_simulation'] },
      dry_run: true,
    },
  }),
  answers: {
    200: json('With `dry_run`: how many jobs match. Nothing is done.', BulkCount),
    202: json('It is under way.', BulkView, { headers: ['Location'] }),
  },
  problems: ['too_many_bulk_actions', 'database_unavailable', 'too_many_reads'],
  handle:
    ({ http, bulk }: HttpGroup & BulkGroup) =>
    async (c, caller) => {
      const request = parseBody(BulkRequest, (await readJsonObject(c, http)).body);
      assertMayAct(caller, request.action);
      const wanted = {
        filter: request.filter,
        only: { actions: caller.only.actions?.slice(), metadata: caller.only.metadata },
        up_to: await bulk.bus.jobs.lastEvent(),
      };
      const matching = matchingJobs(wanted, bulk.now());
      const matched = matching ? await bulk.jobs.count(caller.tenantId, matching) : 0;
      if (request.dry_run) return answer(c, { status: 200, body: { matched } });
      // Nothing is awaited between this and the creation: others may be asking at the same time.
      assertRoom(bulk, caller.tenantId);
      const action = newAction({ ...wanted, action: request.action, matched }, caller, bulk.now());
      await bulk.store.create(action);
      const headers = { location: bulkLinks(action).bulk_action };
      return answer(c, { status: 202, body: bulkView(action), headers });
    },
});

function newAction(
  wanted: Pick<BulkAction, 'action' | 'filter' | 'only' | 'up_to' | 'matched'>,
  { tenantId, name, actor }: Caller,
  nowMs: number,
): BulkAction {
  return {
    ...wanted,
    tenant_id: tenantId,
    bulk_id: randomUUIDv7(),
    created_by: name,
    actor,
    created_at: new Date(nowMs).toISOString(),
    started_at: null,
    ended_at: null,
    state: 'running',
    counts: { done: 0, skipped: 0, failed: 0 },
    skips: {},
    failures: [],
    cursor: null,
    page: null,
    lease: null,
  };
}
