import { z } from 'zod';
import { Instant } from '../events/events.ts';
import { EventId, TenantId } from '../ids.ts';
import type { CommandAnswer, CommandRequest } from './commands.ts';
import { Verification, VerifyRequest } from './verification.ts';

/*
 * What the projection service can be asked to do. Any of its processes answers.
 */

/** Tables that can be rebuilt from the log. */
const Rebuilt = z.object({ projection: z.enum(['job_summary']) });

/** How a rebuild stands. Rates and estimates are null until there is data to derive them from. */
export const RebuildProgress = z.object({
  projection: z.string(),
  /** `reading` the audit log, `indexing`, `catching_up` with the log, or how it ended. */
  state: z.enum(['reading', 'indexing', 'catching_up', 'done', 'canceled']),
  /** Position in the audit log up to which the new table is complete. */
  position: z.int(),
  /** Events read so far. */
  events: z.int(),
  /** Events that could not be read or that Postgres refuses; they are left out. */
  skipped: z.int(),
  /** Events to read in all, as far as is known. */
  total: z.int(),
  started_at: Instant,
  ended_at: Instant.nullable(),
  events_per_s: z.number().nullable(),
  percent: z.number(),
  eta_s: z.number().nullable(),
  /** Why it makes no progress at present; it retries by itself. */
  error: z.string().nullable(),
});
export type RebuildProgress = z.infer<typeof RebuildProgress>;

const RebuildAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('started'), progress: RebuildProgress }),
  /** One is under way. */
  z.object({ kind: z.literal('running'), progress: RebuildProgress }),
]);

const RebuildStatusAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('known'), progress: RebuildProgress }),
  /** There was none yet. */
  z.object({ kind: z.literal('none') }),
]);

const CancelRebuildAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('canceled'), progress: RebuildProgress }),
  /** None is under way. */
  z.object({ kind: z.literal('none') }),
]);

/** What becomes of a tenant that is deleted, or was. */
export const TenantDeletion = z.object({
  tenant_id: TenantId,
  /**
   * `closing` it to callers, `canceling` its jobs, `removing` what is stored of it, again until nothing comes any more;
   * `ending`; then `deleted`.
   */
  step: z.enum(['closing', 'canceling', 'removing', 'ending', 'deleted']),
  requested_at: Instant.nullable(),
  deleted_at: Instant.nullable(),
  /** Messages and rows that are gone so far; null once that is over. */
  removed: z.int().nullable(),
  /** Why it makes no progress at present; it is tried again. */
  error: z.string().nullable(),
});
export type TenantDeletion = z.infer<typeof TenantDeletion>;

const DeletionAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('known'), deletion: TenantDeletion }),
  /** None is under way. */
  z.object({ kind: z.literal('none') }),
]);

const VerificationAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('known'), verification: Verification }),
  /** Another one is under way. */
  z.object({ kind: z.literal('busy') }),
  /** It has ended, so it cannot be canceled. */
  z.object({ kind: z.literal('ended') }),
  z.object({ kind: z.literal('none') }),
]);
const OneVerification = z.object({ verification_id: EventId });

export const PROJECTION_COMMANDS = {
  verify: { request: VerifyRequest, answer: VerificationAnswer },
  verification: { request: OneVerification, answer: VerificationAnswer },
  cancel_verification: { request: OneVerification, answer: VerificationAnswer },
  /** The newest first, without their reports. */
  verifications: {
    request: z.object({}),
    answer: z.object({ kind: z.literal('known'), verifications: z.array(Verification) }),
  },
  delete_tenant: { request: z.object({ tenant_id: TenantId, actor: z.string() }), answer: DeletionAnswer },
  deletion_status: { request: z.object({ tenant_id: TenantId }), answer: DeletionAnswer },
  rebuild: { request: Rebuilt, answer: RebuildAnswer },
  rebuild_status: { request: Rebuilt, answer: RebuildStatusAnswer },
  cancel_rebuild: { request: Rebuilt, answer: CancelRebuildAnswer },
} as const;

export type ProjectionCommand = keyof typeof PROJECTION_COMMANDS;
export type ProjectionRequest<C extends ProjectionCommand> = CommandRequest<typeof PROJECTION_COMMANDS, C>;
export type ProjectionAnswer<C extends ProjectionCommand> = CommandAnswer<typeof PROJECTION_COMMANDS, C>;
