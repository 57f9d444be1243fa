import { EventId, type InputError, REPLAY_KINDS, WEBHOOK_EVENT_TYPES } from '@errand/contracts';
import { z } from 'zod';
import { EmptyBody, parseBody, parseEmptyBody } from '../../http/body-errors.ts';
import { defineRoute } from '../../http/define-route.ts';
import { Refusal } from '../../http/problem.ts';
import { type HttpGroup, readJsonObject, readOptionalJsonObject } from '../../http/read-body.ts';
import { answer } from '../../http/respond.ts';
import { json, jsonBody } from '../../openapi/operation.ts';
import * as parameters from '../../openapi/parameters.ts';
import { named } from '../../openapi/schemas.ts';
import { askWebhooks } from '../deliveries/ask-webhooks.ts';
import { isReceiverId } from '../deliveries/delivery-id.ts';
import { readEndpoint } from '../endpoints/endpoint-store.ts';
import type { WebhooksGroup } from '../webhooks-group.ts';
import { isReplayId, ReplayStarted, ReplayView, replayLinks, replayView } from './replay-rows.ts';

const Time = z.iso.datetime({ offset: true }).transform((text) => new Date(text).toISOString());
const ReplayBody = named(
  'ReplayRequest',
  z.strictObject({
    since: Time,
    until: Time.optional(),
    only: z.enum(REPLAY_KINDS),
    types: z.array(z.enum(WEBHOOK_EVENT_TYPES)).min(1).max(WEBHOOK_EVENT_TYPES.length).optional(),
    dry_run: z.boolean().default(false),
  }),
);

/** Sends again what the endpoint did not get, as a task that can be followed. */
export const startReplay = defineRoute({
  method: 'post',
  path: '/v2/tenants/{tenant_id}/webhooks/{endpoint_id}/replays',
  key: 'tenant',
  scope: 'webhooks:write',
  query: 'none',
  id: 'startReplay',
  tag: 'Replays',
  summary: 'Send again what an endpoint did not get',
  description: 'A task that can be followed. A dry run counts only.',
  parameters: [parameters.tenantId, parameters.endpointId],
  body: jsonBody(ReplayBody, { example: { since: '2026-01-31T12:00:00Z', only: 'missed', dry_run: true } }),
  answers: { 202: json('It is under way.', ReplayStarted, { headers: ['Location'] }) },
  problems: ['unknown_endpoint', 'too_many_replays', 'webhooks_unavailable'],
  handle:
    ({ http, webhooks }: HttpGroup & WebhooksGroup) =>
    async (c, { tenantId }) => {
      const { endpoint_id } = await readEndpoint(
        webhooks.endpoints,
        tenantId,
        c.req.param('endpoint_id') ?? '',
      );
      const { until, types, ...body } = parseBody(ReplayBody, (await readJsonObject(c, http)).body);
      const errors = timeErrors(body.since, until, webhooks.now());
      if (errors.length > 0) throw new Refusal('invalid_input', { errors });
      const request = {
        tenant_id: tenantId,
        endpoint_id,
        ...body,
        ...(until === undefined ? {} : { until }),
        ...(types === undefined ? {} : { types }),
      };
      const { replay_id } = await askWebhooks(c, webhooks, { command: 'replay', request });
      const links = replayLinks(tenantId, { endpoint_id, replay_id });
      return answer(c, {
        status: 202,
        body: { replay_id, endpoint_id, state: 'running', dry_run: body.dry_run, links },
        headers: { location: links.replay },
      });
    },
});

function timeErrors(since: string, until: string | undefined, nowMs: number): InputError[] {
  const errors: InputError[] = [];
  if (Date.parse(since) > nowMs) {
    errors.push({ pointer: '#/since', code: 'maximum', detail: 'must not be in the future' });
  }
  if (until !== undefined && until <= since) {
    errors.push({ pointer: '#/until', code: 'minimum', detail: 'must be after since' });
  }
  return errors;
}

export const listReplays = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/webhooks/{endpoint_id}/replays',
  key: 'tenant',
  scope: 'webhooks:read',
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
  scope: 'webhooks:read',
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

/** Ends a replay where it is; what it has scheduled goes on. */
export const cancelReplay = defineRoute({
  method: 'post',
  path: '/v2/tenants/{tenant_id}/webhooks/{endpoint_id}/replays/{replay_id}/cancel',
  key: 'tenant',
  scope: 'webhooks:write',
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
