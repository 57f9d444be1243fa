import { Instant, KEY_SCOPES, PORTAL_THEMES, PortalSessionId, TenantId } from '@errand/contracts';
import { z } from 'zod';
import { parseBody } from '../http/body-errors.ts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { type HttpGroup, readJsonObject } from '../http/read-body.ts';
import { answer } from '../http/respond.ts';
import { json, jsonBody } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { named } from '../openapi/schemas.ts';
import type { PortalGroup } from './portal-group.ts';

const OpenBody = named('PortalCode', z.strictObject({ code: z.string().min(1).max(1_024) }));
const OpenAnswer = named(
  'PortalToken',
  z.object({
    token: z.string(),
    tenant_id: TenantId,
    scopes: z.array(z.enum(KEY_SCOPES)),
    theme: z.enum(PORTAL_THEMES),
    expires_at: Instant,
  }),
);

/** Anybody may send one. */
const MAX_BODY_BYTES = 4_096;

/** What the portal's page does first. */
export const openPortal = defineRoute({
  method: 'post',
  path: '/portal/{session_id}/token',
  key: 'none',
  id: 'openPortal',
  tag: 'Portal',
  summary: 'Open a portal session',
  description: 'Takes the one-time code of a link, and answers with a token for what the session may.',
  parameters: [parameters.portalSessionId],
  body: jsonBody(OpenBody),
  answers: { 200: json('The token.', OpenAnswer) },
  problems: ['unauthorized', 'log_unavailable'],
  handle:
    ({ http, portal: { sessions, codes, makeChild } }: HttpGroup & PortalGroup) =>
    async (c) => {
      const limits = { ...http, maxBodyBytes: MAX_BODY_BYTES };
      const { code } = parseBody(OpenBody, (await readJsonObject(c, limits)).body);
      const id = c.req.param('session_id') ?? '';
      const session = PortalSessionId.safeParse(id).success ? await sessions.lookup.find(id) : undefined;
      if (!session || !(await codes.use(`portal ${id}`, code))) {
        throw new Refusal('unauthorized', { detail: 'The session has ended, or the code was used.' });
      }
      const { key_id, scopes, tenant_id, theme, expires_at } = session;
      const token = makeChild(key_id, {
        scopes,
        ends_ms: Date.parse(expires_at),
        portal_id: id,
      });
      return answer(c, { status: 200, body: { token, tenant_id, scopes, theme, expires_at } });
    },
});
