import type { TenantHandler } from '../../http/authenticate.ts';
import { Refusal } from '../../http/problem.ts';
import { answer } from '../../http/respond.ts';
import { isReceiverId } from '../deliveries/delivery-id.ts';
import { type EndpointBucket, readEndpoint } from '../endpoints/endpoint-store.ts';
import { isReplayId, type ReplayLog, replayView } from './replay-rows.ts';

interface Deps {
  readonly endpoints: EndpointBucket;
  readonly replays: ReplayLog;
}

/** GET …/webhooks/{endpoint_id}/replays: newest first, the last hundred. */
export function listReplays({ endpoints, replays }: Deps): TenantHandler {
  return async (c, { tenantId }) => {
    const endpointId = c.req.param('endpoint_id') ?? '';
    if (!isReceiverId(endpointId)) throw new Refusal('unknown_endpoint');
    const rows = await replays.list({ tenantId, endpointId });
    // What was deleted may have been replayed before.
    if (rows.length === 0) await readEndpoint(endpoints, tenantId, endpointId);
    return answer(c, { status: 200, body: { replays: rows.map(replayView) } });
  };
}

/** GET …/webhooks/{endpoint_id}/replays/{replay_id} */
export function getReplay({ replays }: Deps): TenantHandler {
  return async (c, { tenantId }) => {
    const endpointId = c.req.param('endpoint_id') ?? '';
    const replayId = c.req.param('replay_id') ?? '';
    const isId = isReceiverId(endpointId) && isReplayId(replayId);
    const row = isId ? await replays.find({ tenantId, endpointId }, replayId) : undefined;
    if (!row) throw new Refusal('unknown_replay');
    return answer(c, { status: 200, body: replayView(row) });
  };
}
