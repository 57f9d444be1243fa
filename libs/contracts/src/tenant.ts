import { z } from 'zod';
import { Instant } from './events.ts';
import { TenantId } from './ids.ts';

export const Tenant = z.object({ tenant_id: TenantId, created_at: Instant });
export type Tenant = z.infer<typeof Tenant>;

/** What is known of an API key. The token itself is shown once and stored nowhere, only its SHA-256. */
export const ApiKey = z.object({
  tenant_id: TenantId,
  name: z.string().min(1).max(100),
  created_at: Instant,
});
export type ApiKey = z.infer<typeof ApiKey>;
