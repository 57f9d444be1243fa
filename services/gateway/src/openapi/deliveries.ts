import { ENDPOINT_NEWS_TYPES, EventId, Instant, WEBHOOK_EVENT_TYPES } from '@errand/contracts';
import { DELIVERY_STATES } from '@errand/postgres';
import { z } from 'zod';
import { AttemptView, DeliveryView } from '../webhooks/deliveries/delivery-view.ts';
import { TestAnswer } from '../webhooks/deliveries/probe-endpoint.route.ts';
import { ReplayStarted, ReplayView } from '../webhooks/replays/replay-rows.ts';
import { ReplayBody } from '../webhooks/replays/start-replay.route.ts';
import { inPath, inQuery, json, jsonBody, type Operation } from './operation.ts';
import { cursor, instant, jobId, jobIdInQuery, limit, listOf, TENANT, tenantId } from './parameters.ts';
import { named } from './schemas.ts';
import { endpointId } from './webhooks.ts';

named('Delivery', DeliveryView);
named('DeliveryAttempt', AttemptView);
named('Replay', ReplayView);
named('ReplayStarted', ReplayStarted);
named('ReplayRequest', ReplayBody);
named('WebhookTest', TestAnswer);
const EmptyBody = z.strictObject({});

const deliveries = { tag: 'Deliveries', key: 'tenant' } as const;
const replays = { tag: 'Replays', key: 'tenant' } as const;
const ENDPOINT = `${TENANT}/webhooks/{endpoint_id}`;
const DELIVERY = `${TENANT}/deliveries/{delivery_id}`;
const deliveryId = inPath('delivery_id', '`<event_id>.<endpoint_id>`', z.string().min(1).max(200));
const replayId = inPath('replay_id', "The replay's id.", EventId);

export const deliveryOperations: Operation[] = [
  {
    ...{ ...deliveries, method: 'post', path: `${ENDPOINT}/test`, id: 'testWebhook' },
    summary: 'Try an endpoint out',
    description: 'Calls it once with a `webhook.test` event, and answers 200 whatever came of it.',
    parameters: [tenantId, endpointId],
    body: jsonBody(EmptyBody, { required: false }),
    answers: { 200: json('How it went.', TestAnswer) },
    problems: ['unknown_endpoint', 'too_many_tests', 'webhooks_unavailable'],
  },
  {
    ...{ ...deliveries, method: 'get', path: `${ENDPOINT}/deliveries`, id: 'listDeliveries' },
    summary: 'Deliveries to an endpoint',
    description: 'Newest first. With a filter a page may be short, or empty, and still have a `next_cursor`.',
    parameters: [
      ...[tenantId, endpointId, jobIdInQuery, limit(200, 50), cursor],
      listOf('status', 'Any of these.', { enum: DELIVERY_STATES }),
      listOf('type', 'Any of these.', { enum: [...WEBHOOK_EVENT_TYPES, ...ENDPOINT_NEWS_TYPES] }),
      inQuery('since', 'Events at or after this time.', instant),
      inQuery('until', 'Events before this time.', instant),
    ],
    answers: {
      200: json(
        'A page.',
        z.object({ deliveries: z.array(DeliveryView), next_cursor: z.string().nullable() }),
      ),
    },
    problems: ['unknown_endpoint', 'invalid_input', 'database_unavailable', 'too_many_reads'],
  },
  {
    ...{ ...deliveries, method: 'get', path: `${TENANT}/jobs/{job_id}/deliveries`, id: 'listJobDeliveries' },
    summary: 'What was told of a job',
    description: 'And to whom. It is kept for longer than the summary of the job.',
    parameters: [tenantId, jobId],
    answers: { 200: json('All of them.', z.object({ deliveries: z.array(DeliveryView) })) },
    problems: [
      'unknown_job',
      'job_expired',
      'invalid_input',
      'database_unavailable',
      'too_many_reads',
      'history_out_of_reach',
    ],
  },
  {
    ...{ ...deliveries, method: 'get', path: DELIVERY, id: 'getDelivery', summary: 'A delivery' },
    description: 'One event for one endpoint.',
    parameters: [tenantId, deliveryId],
    answers: { 200: json('The delivery.', DeliveryView) },
    problems: ['unknown_delivery', 'database_unavailable'],
  },
  {
    ...{ ...deliveries, method: 'get', path: `${DELIVERY}/attempts`, id: 'listAttempts' },
    summary: 'Attempts at a delivery',
    description: 'Newest first, the last hundred.',
    parameters: [tenantId, deliveryId],
    answers: { 200: json('The attempts.', z.object({ attempts: z.array(AttemptView) })) },
    problems: ['unknown_delivery', 'database_unavailable', 'too_many_reads'],
  },
  {
    ...{ ...deliveries, method: 'post', path: `${DELIVERY}/redeliver`, id: 'redeliver' },
    summary: 'Deliver again',
    description: 'It is due at once, whatever became of it.',
    parameters: [tenantId, deliveryId],
    body: jsonBody(EmptyBody, { required: false }),
    answers: {
      202: json(
        'It is scheduled.',
        z.object({ delivery_id: z.string(), attempts: z.int(), due_at: Instant }),
      ),
    },
    problems: ['unknown_delivery', 'unknown_endpoint', 'webhooks_unavailable'],
  },
  {
    ...{ ...replays, method: 'post', path: `${ENDPOINT}/replays`, id: 'startReplay' },
    summary: 'Send again what an endpoint did not get',
    description: 'A task that can be followed. A dry run counts only.',
    parameters: [tenantId, endpointId],
    body: jsonBody(ReplayBody, { example: { since: '2026-01-31T12:00:00Z', only: 'missed', dry_run: true } }),
    answers: { 202: json('It is under way.', ReplayStarted, { headers: ['Location'] }) },
    problems: ['unknown_endpoint', 'webhooks_unavailable'],
  },
  {
    ...{ ...replays, method: 'get', path: `${ENDPOINT}/replays`, id: 'listReplays', summary: 'Replays' },
    description: 'Newest first, the last hundred.',
    parameters: [tenantId, endpointId],
    answers: { 200: json('The replays.', z.object({ replays: z.array(ReplayView) })) },
    problems: ['unknown_endpoint', 'database_unavailable', 'too_many_reads'],
  },
  {
    ...{ ...replays, method: 'get', path: `${ENDPOINT}/replays/{replay_id}`, id: 'getReplay' },
    summary: 'A replay',
    description: 'How far it is.',
    parameters: [tenantId, endpointId, replayId],
    answers: { 200: json('The replay.', ReplayView) },
    problems: ['unknown_replay', 'database_unavailable'],
  },
  {
    ...{ ...replays, method: 'post', path: `${ENDPOINT}/replays/{replay_id}/cancel`, id: 'cancelReplay' },
    summary: 'End a replay',
    description: 'What it has scheduled goes on.',
    parameters: [tenantId, endpointId, replayId],
    body: jsonBody(EmptyBody, { required: false }),
    answers: {
      200: json('It is over.', z.object({ replay_id: EventId, state: z.literal('canceled') })),
    },
    problems: ['unknown_replay', 'unknown_endpoint', 'replay_ended', 'webhooks_unavailable'],
  },
];
