import { KEY_SCOPES, PortalSession, PortalSessionId } from '@errand/contracts';
import { z } from 'zod';
import { named } from '../openapi/schemas.ts';

/** What a customer may be let do. */
export const PORTAL_SCOPES = z
  .enum(KEY_SCOPES)
  .exclude(['keys:write', 'feed:read', 'schedules:read', 'schedules:write']).options;

/** A portal session as callers read it. */
export const PortalSessionView = named(
  'PortalSession',
  PortalSession.omit({ tenant_id: true }).extend({ session_id: PortalSessionId }),
);

export function portalSessionView(
  id: string,
  { tenant_id: _, ...about }: PortalSession,
): z.infer<typeof PortalSessionView> {
  return { session_id: id, ...about };
}
