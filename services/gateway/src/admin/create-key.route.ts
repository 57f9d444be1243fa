import { hash, randomBytes } from 'node:crypto';
import { ApiKey, TenantId } from '@errand/contracts';
import { z } from 'zod';
import { parseBody, printable } from '../http/body-errors.ts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { type HttpGroup, readJsonObject } from '../http/read-body.ts';
import { answer } from '../http/respond.ts';
import { json, jsonBody } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { named } from '../openapi/schemas.ts';
import type { AdminGroup } from './admin-group.ts';
import { KeyView } from './key-view.ts';

const KeyBody = named('ApiKeyRequest', z.strictObject({ name: printable(ApiKey.shape.name) }));

/** A new key. Its token is in this answer and nowhere else. */
export const createKey = defineRoute({
  method: 'post',
  path: '/admin/tenants/{tenant_id}/keys',
  key: 'admin',
  id: 'createKey',
  tag: 'Administration',
  summary: 'Make an API key',
  description: 'The token is in this answer and nowhere else.',
  parameters: [parameters.tenantId],
  body: jsonBody(KeyBody, { example: { name: 'billing' } }),
  answers: { 201: json('The key.', KeyView.extend({ api_key: z.string() })) },
  problems: ['unknown_tenant', 'log_unavailable'],
  handle:
    ({ admin, http }: AdminGroup & HttpGroup) =>
    async (c) => {
      const tenantId = c.req.param('tenant_id') ?? '';
      const known = TenantId.safeParse(tenantId).success && (await admin.tenants.find(tenantId));
      if (!known) throw new Refusal('unknown_tenant');
      c.env.tenantId = tenantId;
      const { name } = parseBody(KeyBody, (await readJsonObject(c, http)).body);
      const token = `errand_${randomBytes(32).toString('base64url')}`;
      const keyId = hash('sha256', token, 'hex');
      const key: ApiKey = { tenant_id: tenantId, name, created_at: new Date(admin.now()).toISOString() };
      await admin.keys.put(keyId, key);
      return answer(c, { status: 201, body: { key_id: keyId, ...key, api_key: token } });
    },
});
