import { EventId } from '@errand/contracts';
import { z } from 'zod';
import { EmptyBody, parseEmptyBody } from '../../http/body-errors.ts';
import { defineRoute } from '../../http/define-route.ts';
import { Refusal } from '../../http/problem.ts';
import { type HttpGroup, readOptionalJsonObject } from '../../http/read-body.ts';
import { answer } from '../../http/respond.ts';
import { json, jsonBody } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import { askWebhooks } from '../deliveries/ask-webhooks.ts';
import { isReceiverId } from '../deliveries/delivery-id.ts';
import type { WebhooksGroup } from '../webhooks-group.ts';
import { isReplayId } from './replay-rows.ts';

/** Ends a replay where it is; what it has scheduled goes on. */
export const cancelReplay = defineRoute({
  method: 'post',
  path: '/v2/tenants/{tenant_id}/webhooks/{endpoint_id}/replays/{replay_id}/cancel',
  key: 'tenant',
  query: 'none',
  id: 'cancelReplay',
  tag: 'Replays',
  summary: 'End a replay',
  description: 'What it has scheduled goes on.',
  parameters: [parameters.tenantId, parameters.endpointId, parameters.replayId],
  body: jsonBody(EmptyBody, { required: false }),
  answers: {
    200: json('It is over.', z.object({ replay_id: EventId, state: z.literal('canceled') })),
  },
  problems: ['unknown_replay', 'unknown_endpoint', 'replay_ended', 'webhooks_unavailable'],
  handle:
    ({ http, webhooks }: HttpGroup & WebhooksGroup) =>
    async (c, { tenantId }) => {
      parseEmptyBody((await readOptionalJsonObject(c, http)).body);
      const endpoint_id = c.req.param('endpoint_id') ?? '';
      const replay_id = c.req.param('replay_id') ?? '';
      if (!isReceiverId(endpoint_id) || !isReplayId(replay_id)) throw new Refusal('unknown_replay');
      const request = { tenant_id: tenantId, endpoint_id, replay_id };
      const { kind } = await askWebhooks(c, webhooks, { command: 'cancel_replay', request });
      if (kind === 'ended') throw new Refusal('replay_ended');
      return answer(c, { status: 200, body: { replay_id, state: 'canceled' } });
    },
});
