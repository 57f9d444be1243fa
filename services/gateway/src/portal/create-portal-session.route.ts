import { randomUUID } from 'node:crypto';
import { Instant, PORTAL_SESSION_MAX_S, PORTAL_THEMES, type PortalSession } from '@errand/contracts';
import { z } from 'zod';
import { parseBody } from '../http/body-errors.ts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { type HttpGroup, readJsonObject } from '../http/read-body.ts';
import { answer } from '../http/respond.ts';
import { foreignFilter, ownKeyOf } from '../keys/child-rights.ts';
import { foreignIn } from '../keys/key-rights.ts';
import { json, jsonBody } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { named } from '../openapi/schemas.ts';
import { SentMetadata } from '../runs/job-options.ts';
import type { PortalGroup } from './portal-group.ts';
import { PORTAL_SCOPES, PortalSessionView, portalSessionView } from './portal-session-view.ts';

const DEFAULT_TTL_S = 3_600;
/** A customer's page opens the portal at once. */
const CODE_LIFE_MS = 600_000;
const MAX_ANCESTORS = 10;

const Origin = z
  .string()
  .max(300)
  .refine(isOrigin, 'must be an origin such as https://app.example.org, without a path');

const SentFilter = SentMetadata.refine((entries) => Object.keys(entries).length > 0, 'must not be empty');

const PortalBody = named(
  'PortalSessionRequest',
  z.strictObject({
    scopes: z.array(z.enum(PORTAL_SCOPES)).min(1).max(PORTAL_SCOPES.length),
    ttl_s: z
      .int()
      .min(1)
      .max(PORTAL_SESSION_MAX_S)
      .optional()
      .meta({ description: `Seconds until it ends. Default: ${DEFAULT_TTL_S}.` }),
    metadata_filter: SentFilter.optional().meta({
      description: 'It shows only jobs whose metadata has these entries.',
    }),
    frame_ancestors: z
      .array(Origin)
      .max(MAX_ANCESTORS)
      .optional()
      .meta({ description: 'Origins whose pages may frame it. Default: none.' }),
    theme: z.enum(PORTAL_THEMES).optional().meta({ description: 'Default: as the browser has it.' }),
  }),
);
const PortalAnswer = named(
  'NewPortalSession',
  PortalSessionView.extend({
    path: z.string().meta({ description: 'Of the page, with a code that opens it once.' }),
    code_expires_at: Instant,
  }),
);

/** A page of jobs for a customer of the tenant. */
export const createPortalSession = defineRoute({
  method: 'post',
  path: '/v2/tenants/{tenant_id}/portal-sessions',
  key: 'tenant',
  scope: 'keys:write',
  keyLimits: 'kept',
  query: 'none',
  id: 'createPortalSession',
  tag: 'Portal',
  summary: 'Make a portal session',
  description:
    'A page for a customer of the tenant: it shows the jobs that the filter allows, and may be framed by the given origins. It ends with its key, at the latest.',
  parameters: [parameters.tenantId],
  body: jsonBody(PortalBody, {
    example: {
      scopes: ['jobs:read'],
      metadata_filter: { customer: 'c-1' },
      frame_ancestors: ['https://app.example.org'],
    },
  }),
  answers: { 201: json('The session. Its code is in this answer and nowhere else.', PortalAnswer) },
  problems: ['too_many_portal_sessions', 'log_unavailable'],
  handle:
    ({ http, portal: { sessions, codes, perTenant, now } }: HttpGroup & PortalGroup) =>
    async (c, caller) => {
      const { tenantId } = caller;
      const key = ownKeyOf(caller);
      const sent = parseBody(PortalBody, (await readJsonObject(c, http)).body);
      const errors = [
        ...foreignIn('scopes', sent.scopes, key.scopes),
        ...foreignFilter(caller, sent.metadata_filter),
      ];
      if (errors.length > 0) throw new Refusal('invalid_input', { errors });
      if ((await sessions.list(tenantId)).length >= perTenant) {
        const detail = `The tenant may have ${perTenant} portal sessions. Wait for one to end, or revoke one.`;
        throw new Refusal('too_many_portal_sessions', { detail });
      }
      const nowMs = now();
      const { ttl_s = DEFAULT_TTL_S, frame_ancestors = [], theme = 'system' } = sent;
      const keyEndsMs = key.expires_at === undefined ? Number.POSITIVE_INFINITY : Date.parse(key.expires_at);
      const session: PortalSession = {
        tenant_id: tenantId,
        key_id: key.id,
        scopes: sent.scopes,
        ...(sent.metadata_filter ? { metadata_filter: sent.metadata_filter } : {}),
        frame_ancestors,
        theme,
        created_at: new Date(nowMs).toISOString(),
        expires_at: new Date(Math.min(nowMs + ttl_s * 1_000, keyEndsMs)).toISOString(),
      };
      const id = `${tenantId}.${randomUUID()}`;
      await sessions.create(id, session);
      const { code, endsMs } = codes.make(`portal ${id}`, Math.min(CODE_LIFE_MS, ttl_s * 1_000));
      return answer(c, {
        status: 201,
        body: {
          ...portalSessionView(id, session),
          // Browsers do not send what is behind the #.
          path: `/portal/${id}#code=${code}`,
          code_expires_at: new Date(endsMs).toISOString(),
        },
      });
    },
});

/** What a host of a URL may have beside, a policy takes for its own: `;` begins a directive, `*` is any. */
const ORIGIN = /^https?:\/\/(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d+)?$/;

/** It becomes a part of the page's policy. */
function isOrigin(text: string): boolean {
  return ORIGIN.test(text) && URL.canParse(text) && new URL(text).origin === text;
}
