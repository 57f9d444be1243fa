import { type PortalSession, PortalSessionId } from '@errand/contracts';
import { z } from 'zod';
import type { Caller } from '../http/authenticate.ts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { answer, answerEmpty } from '../http/respond.ts';
import { json } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import type { PortalGroup } from './portal-group.ts';
import { PortalSessionView, portalSessionView } from './portal-session-view.ts';

export const listPortalSessions = defineRoute({
  method: 'get',
  path: '/v2/tenants/{tenant_id}/portal-sessions',
  key: 'tenant',
  scope: 'keys:write',
  query: 'none',
  id: 'listPortalSessions',
  tag: 'Portal',
  summary: 'Portal sessions of a tenant',
  description: 'Those that have not ended and may do no more than the key that asks, newest first.',
  parameters: [parameters.tenantId],
  answers: { 200: json('The sessions.', z.object({ portal_sessions: z.array(PortalSessionView) })) },
  problems: ['log_unavailable'],
  handle:
    ({ portal: { sessions } }: PortalGroup) =>
    async (c, caller) => {
      const own = (await sessions.list(caller.tenantId)).filter(([, session]) => mayManage(caller, session));
      return answer(c, {
        status: 200,
        body: { portal_sessions: own.map(([id, session]) => portalSessionView(id, session)) },
      });
    },
});

export const revokePortalSession = defineRoute({
  method: 'delete',
  path: '/v2/tenants/{tenant_id}/portal-sessions/{session_id}',
  key: 'tenant',
  scope: 'keys:write',
  query: 'none',
  id: 'revokePortalSession',
  tag: 'Portal',
  summary: 'Revoke a portal session',
  description: 'Pages that show it end at once here, and within a moment in every other gateway.',
  parameters: [parameters.tenantId, parameters.portalSessionId],
  answers: { 204: { description: 'It is over.' } },
  problems: ['unknown_portal_session', 'log_unavailable'],
  handle:
    ({ portal: { sessions } }: PortalGroup) =>
    async (c, caller) => {
      const id = c.req.param('session_id') ?? '';
      const isOwn = PortalSessionId.safeParse(id).success && id.startsWith(`${caller.tenantId}.`);
      const session = isOwn ? await sessions.lookup.find(id) : undefined;
      if (!session || !mayManage(caller, session) || !(await sessions.revoke(id))) {
        throw new Refusal('unknown_portal_session');
      }
      return answerEmpty(c, 204);
    },
});

/** As with keys: others are to the caller as if they were not there. */
function mayManage({ may }: Caller, { scopes }: PortalSession): boolean {
  return scopes.every(may);
}
