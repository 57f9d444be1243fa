import { z } from 'zod';
import { Instant, Metadata } from './events/events.ts';
import { TenantId } from './ids.ts';
import { KEY_SCOPES } from './tenant.ts';

/** How long a portal session may live, in seconds. */
export const PORTAL_SESSION_MAX_S = 86_400;

export const PORTAL_THEMES = ['system', 'light', 'dark'] as const;

/** What a customer of a tenant may see and do, for a while, in a page that may be part of the tenant's own. */
export const PortalSession = z.object({
  tenant_id: TenantId,
  /** The key that it was made with, and whose end is its end. */
  key_id: z.string(),
  scopes: z.array(z.enum(KEY_SCOPES)),
  /** Entries of the metadata of its jobs; absent: all jobs of its key. */
  metadata_filter: Metadata.optional(),
  /** Origins whose pages may frame it. */
  frame_ancestors: z.array(z.string()),
  theme: z.enum(PORTAL_THEMES),
  created_at: Instant,
  expires_at: Instant,
});
export type PortalSession = z.infer<typeof PortalSession>;

/** `<tenant_id>.<uuid>`. */
export const PortalSessionId = z.string().regex(/^[\w-]{1,64}\.[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/);
