import type { TenantHandler } from '../../http/authenticate.ts';
import { parseEmptyBody } from '../../http/body-errors.ts';
import { Refusal } from '../../http/problem.ts';
import { type BodyLimits, readOptionalJsonObject } from '../../http/read-body.ts';
import { answer } from '../../http/respond.ts';
import { type AskDeps, askWebhooks } from '../deliveries/ask-webhooks.ts';
import { isReceiverId } from '../deliveries/delivery-id.ts';
import { isReplayId } from './replay-rows.ts';

/** POST …/webhooks/{endpoint_id}/replays/{replay_id}/cancel: ends a replay where it is; what it has scheduled goes on. */
export function cancelReplay(deps: AskDeps & BodyLimits): TenantHandler {
  return async (c, { tenantId }) => {
    parseEmptyBody((await readOptionalJsonObject(c, deps)).body);
    const endpoint_id = c.req.param('endpoint_id') ?? '';
    const replay_id = c.req.param('replay_id') ?? '';
    if (!isReceiverId(endpoint_id) || !isReplayId(replay_id)) throw new Refusal('unknown_replay');
    const request = { tenant_id: tenantId, endpoint_id, replay_id };
    const { kind } = await askWebhooks(c, deps, { command: 'cancel_replay', request });
    if (kind === 'ended') throw new Refusal('replay_ended');
    return answer(c, { status: 200, body: { replay_id, state: 'canceled' } });
  };
}
