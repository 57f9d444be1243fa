import { z } from 'zod';
import { defineRoute } from '../../http/define-route.ts';
import { Refusal } from '../../http/problem.ts';
import { answer } from '../../http/respond.ts';
import { json } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import { isReceiverId } from '../deliveries/delivery-id.ts';
import { readEndpoint } from '../endpoints/endpoint-store.ts';
import type { WebhooksGroup } from '../webhooks-group.ts';
import { isReplayId, ReplayView, replayView } from './replay-rows.ts';

export const listReplays = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/webhooks/{endpoint_id}/replays',
  key: 'tenant',
  query: 'none',
  reads: 'limited',
  id: 'listReplays',
  tag: 'Replays',
  summary: 'Replays',
  description: 'Newest first, the last hundred.',
  parameters: [parameters.tenantId, parameters.endpointId],
  answers: { 200: json('The replays.', z.object({ replays: z.array(ReplayView) })) },
  problems: ['unknown_endpoint', 'database_unavailable', 'too_many_reads'],
  handle:
    ({ webhooks: { endpoints, replays } }: WebhooksGroup) =>
    async (c, { tenantId }) => {
      const endpointId = c.req.param('endpoint_id') ?? '';
      if (!isReceiverId(endpointId)) throw new Refusal('unknown_endpoint');
      const rows = await replays.list({ tenantId, endpointId });
      // What was deleted may have been replayed before.
      if (rows.length === 0) await readEndpoint(endpoints, tenantId, endpointId);
      return answer(c, { status: 200, body: { replays: rows.map(replayView) } });
    },
});

export const getReplay = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/webhooks/{endpoint_id}/replays/{replay_id}',
  key: 'tenant',
  query: 'none',
  id: 'getReplay',
  tag: 'Replays',
  summary: 'A replay',
  description: 'How far it is.',
  parameters: [parameters.tenantId, parameters.endpointId, parameters.replayId],
  answers: { 200: json('The replay.', ReplayView) },
  problems: ['unknown_replay', 'database_unavailable'],
  handle:
    ({ webhooks: { replays } }: WebhooksGroup) =>
    async (c, { tenantId }) => {
      const endpointId = c.req.param('endpoint_id') ?? '';
      const replayId = c.req.param('replay_id') ?? '';
      const isId = isReceiverId(endpointId) && isReplayId(replayId);
      const row = isId ? await replays.find({ tenantId, endpointId }, replayId) : undefined;
      if (!row) throw new Refusal('unknown_replay');
      return answer(c, { status: 200, body: replayView(row) });
    },
});
