import { TenantId } from '@errand/contracts';
import { z } from 'zod';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { answer } from '../http/respond.ts';
import { json } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import type { AdminGroup } from './admin-group.ts';
import { KeyView } from './key-view.ts';

/** The tenant's keys without their tokens, oldest first. */
export const listKeys = defineRoute({
  method: 'get',
  path: '/admin/tenants/{tenant_id}/keys',
  key: 'admin',
  id: 'listKeys',
  tag: 'Administration',
  summary: 'API keys of a tenant',
  description: 'Without their tokens, oldest first.',
  parameters: [parameters.tenantId],
  answers: { 200: json('The keys.', z.object({ keys: z.array(KeyView) })) },
  problems: ['unknown_tenant', 'log_unavailable'],
  handle:
    ({ admin }: AdminGroup) =>
    async (c) => {
      const tenantId = c.req.param('tenant_id') ?? '';
      const known = TenantId.safeParse(tenantId).success && (await admin.tenants.find(tenantId));
      if (!known) throw new Refusal('unknown_tenant');
      c.env.tenantId = tenantId;
      const keys = [...admin.keys.entries()]
        .filter(([, key]) => key.tenant_id === tenantId)
        .map(([keyId, key]) => ({ key_id: keyId, ...key }))
        .sort((a, b) => (a.created_at < b.created_at ? -1 : 1));
      return answer(c, { status: 200, body: { keys } });
    },
});
