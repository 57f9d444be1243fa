import { randomUUIDv7 } from 'node:crypto';
import type { BulkAction } from '@errand/contracts';
import { keyedPlaceOf } from '../actions/action-path.ts';
import type { Caller } from '../http/authenticate.ts';
import { parseBody } from '../http/body-errors.ts';
import { defineRoute } from '../http/define-route.ts';
import { type HttpGroup, readJsonObject } from '../http/read-body.ts';
import type { Ctx } from '../http/request-log.ts';
import { answer } from '../http/respond.ts';
import { json, jsonBody } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { fingerprintOf, readIdempotencyKey, recordNameOf } from '../runs/idempotency.ts';
import { assertMayAct, assertRoomForNew } from './bulk-access.ts';
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
  parameters: [parameters.tenantId, parameters.idempotencyKey],
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
  problems: [
    'too_many_bulk_actions',
    'database_unavailable',
    'too_many_reads',
    'idempotency_in_flight',
    'idempotency_key_reused',
  ],
  handle:
    ({ http, bulk }: HttpGroup & BulkGroup) =>
    async (c, caller) => {
      const { body, text } = await readJsonObject(c, http);
      const request = parseBody(BulkRequest, body);
      assertMayAct(caller, request.action);
      const count = async () => {
        const wanted = {
          filter: request.filter,
          only: { actions: caller.only.actions?.slice(), metadata: caller.only.metadata },
          up_to: await bulk.bus.jobs.lastEvent(),
        };
        const matching = matchingJobs(wanted, bulk.now());
        return { ...wanted, matched: matching ? await bulk.jobs.count(caller.tenantId, matching) : 0 };
      };
      if (request.dry_run) return answer(c, { status: 200, body: { matched: (await count()).matched } });
      const { value, replayed } = await startOnce(c, bulk, { caller, text }, async (bulkId) => {
        const counted = await count();
        return newAction({ ...counted, action: request.action, bulk_id: bulkId }, caller, bulk.now());
      });
      const headers = {
        location: bulkLinks(value).bulk_action,
        ...(replayed ? { 'idempotency-replayed': 'true' } : {}),
      };
      return answer(c, { status: 202, body: bulkView(value), headers });
    },
});

/** With an Idempotency-Key, the same request begins one bulk action, however often it is sent. */
async function startOnce(
  c: Ctx,
  bulk: BulkGroup['bulk'],
  { caller, text }: { caller: Caller; text: string },
  make: (bulkId: string) => Promise<BulkAction>,
): Promise<{ value: BulkAction; replayed: boolean }> {
  const { store, idempotency } = bulk;
  const { headers, url } = c.req.raw;
  const { tenantId, only } = caller;
  const start = async (bulkId: string) => {
    const action = await make(bulkId);
    // Nothing is awaited between this and the creation: others may be asking at the same time.
    assertRoomForNew(bulk, tenantId);
    return (await store.create(action)) ? action : undefined;
  };
  const key = readIdempotencyKey(headers.get('idempotency-key'));
  if (key === undefined) {
    const value = await start(randomUUIDv7());
    if (!value) throw new Error('the id of a new bulk action is already used');
    return { value, replayed: false };
  }
  const place = keyedPlaceOf(url);
  return idempotency.once({
    name: recordNameOf({ tenantId, kind: 'bulk_action', place, key, metadata: only.metadata }),
    fingerprint: fingerprintOf(place, text),
    check: () => assertRoomForNew(bulk, tenantId),
    request: ({ job_id: bulkId }) => start(bulkId),
    find: ({ job_id: bulkId }) => store.find(tenantId, bulkId),
  });
}

function newAction(
  wanted: Pick<BulkAction, 'bulk_id' | 'action' | 'filter' | 'only' | 'up_to' | 'matched'>,
  { tenantId, name, actor }: Caller,
  nowMs: number,
): BulkAction {
  return {
    ...wanted,
    tenant_id: tenantId,
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
