import { answer } from '../answer.ts';
import { parseEmptyBody } from '../body-errors.ts';
import type { TenantHandler } from '../middleware/authenticate.ts';
import { type BodyLimits, readOptionalJsonObject } from '../middleware/read-json.ts';
import { Refusal } from '../problem.ts';
import { type AskDeps, askWebhooks } from '../webhooks/ask-webhooks.ts';
import { isReceiverId } from '../webhooks/delivery-id.ts';
import { isReplayId } from '../webhooks/replay-log.ts';

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
