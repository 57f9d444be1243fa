import { z } from 'zod';
import { Instant } from '../events/events.ts';
import { EventId, TenantId } from '../ids.ts';
import { WEBHOOK_EVENT_TYPES } from '../webhooks/job-webhook.ts';
import type { CommandAnswer, CommandRequest } from './commands.ts';

/*
 * What the webhooks service can be asked to do. Any of its processes answers; `refused` means that the request itself
 * is at fault.
 */

const Refused = z.object({
  kind: z.literal('refused'),
  code: z.enum([
    'invalid_request',
    'unknown_endpoint',
    'unknown_delivery',
    'unknown_replay',
    'too_many_replays',
  ]),
});

/** Calls an endpoint with a `webhook.test` event, like any other delivery, and reports the outcome. */
const TestEndpoint = z.object({ tenant_id: TenantId, endpoint_id: z.string() });
const TestEndpointAnswer = z.discriminatedUnion('kind', [
  Refused,
  z.object({
    kind: z.literal('attempted'),
    event_id: EventId,
    outcome: z.enum(['delivered', 'failed']),
    started_at: Instant,
    duration_ms: z.int(),
    status: z.int().nullable(),
    error_code: z.string().nullable(),
    /** Secrets blanked out. */
    request_headers: z.record(z.string(), z.string()),
    response: z.string().nullable(),
  }),
]);

/** Repeats a delivery, whatever became of it: due now, with its own retry schedule and lifetime. */
const Redeliver = z.object({ tenant_id: TenantId, event_id: EventId, endpoint_id: z.string() });
const RedeliverAnswer = z.discriminatedUnion('kind', [
  Refused,
  z.object({ kind: z.literal('scheduled'), attempts: z.int(), due_at: Instant }),
]);

export const REPLAY_KINDS = ['failed', 'expired', 'missed', 'all'] as const;

/**
 * Delivers again what an endpoint did not get between two times, as a task that survives restarts. `missed`: events of
 * the log that pass its filters and have no delivery, because it was paused, disabled or did not exist yet. `all`:
 * every delivery.
 */
const Replay = z.object({
  tenant_id: TenantId,
  endpoint_id: z.string(),
  since: Instant,
  /** Absent: until now. */
  until: Instant.optional(),
  only: z.enum(REPLAY_KINDS),
  /** Absent: all types that the endpoint wants. */
  types: z.array(z.enum(WEBHOOK_EVENT_TYPES)).min(1).optional(),
  /** Only counts; changes nothing. */
  dry_run: z.boolean(),
});
const ReplayAnswer = z.discriminatedUnion('kind', [
  Refused,
  z.object({ kind: z.literal('started'), replay_id: z.string() }),
]);

/** Stops a replay where it is; deliveries that it has scheduled continue. */
const CancelReplay = z.object({ tenant_id: TenantId, endpoint_id: z.string(), replay_id: z.string() });
const CancelReplayAnswer = z.discriminatedUnion('kind', [
  Refused,
  z.object({ kind: z.literal('canceled') }),
  /** It was already over, canceled or not. */
  z.object({ kind: z.literal('ended') }),
]);

export const WEBHOOK_COMMANDS = {
  test: { request: TestEndpoint, answer: TestEndpointAnswer },
  redeliver: { request: Redeliver, answer: RedeliverAnswer },
  replay: { request: Replay, answer: ReplayAnswer },
  cancel_replay: { request: CancelReplay, answer: CancelReplayAnswer },
} as const;

export type WebhookCommand = keyof typeof WEBHOOK_COMMANDS;
export type WebhookRequest<C extends WebhookCommand> = CommandRequest<typeof WEBHOOK_COMMANDS, C>;
export type WebhookAnswer<C extends WebhookCommand> = CommandAnswer<typeof WEBHOOK_COMMANDS, C>;
