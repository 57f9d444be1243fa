import { z } from 'zod';
import { Instant, Metadata } from './events/events.ts';
import { ActionName, JobId, TenantId } from './ids.ts';

/** What a tenant may have of the system; what is absent has no limit. */
export const TenantLimits = z.object({
  /** Its share of the executors' slots where tenants compete for them, relative to the others'. Default 1. */
  weight: z.number().min(0.001).max(1_000).optional(),
  /** Most jobs at executors at a time: running, or handed out to be run. */
  max_running: z.int().min(1).max(1_000_000).optional(),
  /** The same of each action. */
  max_running_per_action: z.int().min(1).max(1_000_000).optional(),
  /** Most jobs that may be queued: those that wait for a time, for their turn or for an executor. */
  max_queued: z.int().min(1).max(100_000_000).optional(),
  /** Jobs that may be asked for, by all gateways together, as a rate; */
  runs_per_second: z.number().min(0.01).max(100_000).optional(),
  /** and so many of them at once. Default: those of a second. */
  runs_burst: z.int().min(1).max(1_000_000).optional(),
  /** Status requests to each gateway, as a rate; those of a second may come at once. */
  status_requests_per_second: z.number().min(0.01).max(100_000).optional(),
  /** Largest body of a run or a batch, in bytes, where that is less than the gateway's. */
  max_body_bytes: z.int().min(1).max(67_108_864).optional(),
  /** Instead of the gateway's. */
  webhook_endpoints: z.int().min(0).max(10_000).optional(),
  schedules: z.int().min(0).max(1_000_000).optional(),
});
export type TenantLimits = z.infer<typeof TenantLimits>;

export const Tenant = z.object({
  tenant_id: TenantId,
  created_at: Instant,
  limits: TenantLimits.optional(),
  /** The only actions that it may run; absent: all. */
  actions: z.array(ActionName).max(1_000).optional(),
  /** None of its jobs begins. */
  paused: z.boolean().optional(),
  /** It is being deleted: nobody sees it any more. */
  deleting: z.literal(true).optional(),
});
export type Tenant = z.infer<typeof Tenant>;

/** Gives tenants the limits that hold for them: their own, and of a kind of which they have none those of all tenants. */
export function withLimitsOfAll(ofAll: TenantLimits): (tenant: Tenant | undefined) => Tenant | undefined {
  if (Object.keys(ofAll).length === 0) return (tenant) => tenant;
  const known = new WeakMap<Tenant, Tenant>();
  return (tenant) => {
    if (!tenant) return undefined;
    const limited = known.get(tenant) ?? { ...tenant, limits: { ...ofAll, ...tenant.limits } };
    known.set(tenant, limited);
    return limited;
  };
}

/** What a key may be made for. */
export const KEY_SCOPES = [
  'runs:write',
  'jobs:read',
  'jobs:cancel',
  'logs:read',
  'feed:read',
  'webhooks:read',
  'webhooks:write',
  'schedules:read',
  'schedules:write',
  'keys:write',
] as const;
export type KeyScope = (typeof KEY_SCOPES)[number];

/** What is known of an API key. The token itself is shown once and never stored, only its SHA-256. */
export const ApiKey = z.object({
  tenant_id: TenantId,
  name: z.string().min(1).max(100),
  created_at: Instant,
  /** All that it may do; absent: everything that the tenant may. */
  scopes: z.array(z.enum(KEY_SCOPES)).max(KEY_SCOPES.length).optional(),
  /** The only actions that it may run, and whose jobs it may see; absent: all. */
  actions: z.array(ActionName).max(100).optional(),
  /** Its jobs get these entries, and it sees only jobs that have them; absent: all. */
  metadata_filter: Metadata.refine(
    (entries) => Object.keys(entries).length > 0,
    'must not be empty',
  ).optional(),
  /** It is no key any more from then on. */
  expires_at: Instant.optional(),
});
export type ApiKey = z.infer<typeof ApiKey>;

/** When a key was last used, to the minute. */
export const KeyUse = z.object({ last_used_at: Instant });
export type KeyUse = z.infer<typeof KeyUse>;

/**
 * What an Idempotency-Key was used for. It is written before the job is requested, so a gateway that dies in between
 * leaves a record whose job does not exist yet; the next use of the key requests it.
 */
export const IdempotencyRecord = z.object({
  /** For a batch: the id of its first item's job, from which the others follow. */
  job_id: JobId,
  /** SHA-256 of the request's place and body, in hex. */
  fingerprint: z.string(),
  created_at: Instant,
  /** For a batch: the positions of the refused items, whatever its contract says later. */
  refused: z.array(z.int().min(0)).optional(),
});
export type IdempotencyRecord = z.infer<typeof IdempotencyRecord>;
