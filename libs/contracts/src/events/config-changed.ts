import { z } from 'zod';
import { EventId, TenantId } from '../ids.ts';
import { Instant } from './events.ts';

/*
 * What is recorded of each change of a tenant, its limits, a key, an endpoint, a schedule or an action: who made it and when, and
 * digests of what was stored before and after, never the values. It is recorded before the change is made, so a change
 * that was then not made is withdrawn by a second event.
 */

export const CONFIG_KINDS = ['tenant', 'key', 'endpoint', 'schedule', 'action'] as const;
export type ConfigKind = (typeof CONFIG_KINDS)[number];

/** What is configured. */
export interface ConfigResource {
  readonly kind: ConfigKind;
  /** Whose it is; undefined for an action. */
  readonly tenantId: string | undefined;
  /** Of a tenant, a key, an endpoint or a schedule the id, of an action the name. */
  readonly id: string;
}

/** SHA-256 in hex of the value as it is stored; null where there is none. */
const Digest = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .nullable();

const ConfigChange = z.object({
  /** `found`: it was there when recording began. `withdrawn`: the change at `withdraws` was not made. */
  change: z.enum(['created', 'updated', 'deleted', 'found', 'withdrawn']),
  kind: z.enum(CONFIG_KINDS),
  tenant_id: TenantId.nullable(),
  resource_id: z.string(),
  /** `admin`, `key:<key_id>`, or the service that did it by itself. */
  actor: z.string(),
  /** The revision in its bucket that the change replaces; 0 for none. */
  from_revision: z.int().min(0),
  digest_before: Digest,
  digest_after: Digest,
  /** Position of the event that did not happen. */
  withdraws: z.int().optional(),
});
export type ConfigChange = z.infer<typeof ConfigChange>;

export const ConfigChanged = z.object({
  specversion: z.literal('1.0'),
  id: EventId,
  source: z.literal('/errand/config'),
  type: z.literal('ConfigChanged'),
  time: Instant,
  datacontenttype: z.literal('application/json'),
  data: ConfigChange,
});
export type ConfigChanged = z.infer<typeof ConfigChanged>;
