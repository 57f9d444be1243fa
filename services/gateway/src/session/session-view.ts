import { Instant, KEY_SCOPES, TenantId } from '@errand/contracts';
import { z } from 'zod';
import type { Identity } from '../http/authenticate.ts';
import { SCOPES_OF } from '../http/person.ts';
import { ADMIN } from '../http/tokens.ts';
import { named } from '../openapi/schemas.ts';

const Scopes = z
  .array(z.enum(KEY_SCOPES))
  .optional()
  .meta({ description: 'All that it may do; absent: everything.' });

/** A session as callers read it. */
export const SessionView = named(
  'Session',
  z.object({
    role: z.enum(['admin', 'tenant']),
    tenant_id: TenantId.optional().meta({ description: "The session's tenant, or the first of them." }),
    name: z.string().meta({ description: "The key's name, or what the sign-in provider knows a person by." }),
    scopes: Scopes,
    tenants: z
      .array(z.object({ tenant_id: TenantId, scopes: Scopes }))
      .optional()
      .meta({ description: 'All tenants of somebody who came from a sign-in provider.' }),
    expires_at: Instant.optional(),
  }),
);
type SessionView = z.infer<typeof SessionView>;

/** `endsMs`: Unix milliseconds; Infinity: never. */
export function sessionView(who: Identity, endsMs: number): SessionView {
  return {
    ...aboutOf(who),
    ...(Number.isFinite(endsMs) ? { expires_at: new Date(endsMs).toISOString() } : {}),
  };
}

function aboutOf({ key, child, person }: Identity): Omit<SessionView, 'expires_at'> {
  if (key) {
    const scopes = child?.scopes ?? key.scopes;
    return { role: 'tenant', tenant_id: key.tenant_id, name: key.name, ...(scopes ? { scopes } : {}) };
  }
  const name = person?.subject ?? ADMIN;
  const tenants = (person?.memberships ?? []).map(({ tenant_id, role }) => {
    const scopes = SCOPES_OF[role];
    return { tenant_id, ...(scopes ? { scopes: [...scopes] } : {}) };
  });
  const [first] = tenants;
  return first ? { role: 'tenant', name, ...first, tenants } : { role: 'admin', name };
}
