import { Tenant, TenantId } from '@errand/contracts';
import { defineRoute } from '../http/define-route.ts';
import { Refusal } from '../http/problem.ts';
import { answer } from '../http/respond.ts';
import { json } from '../openapi/operation.ts';
import * as parameters from '../openapi/parameters.ts';
import { named } from '../openapi/schemas.ts';
import type { AdminGroup } from './admin-group.ts';

named('Tenant', Tenant);

/** 201 for a new tenant, 200 for one that exists. */
export const putTenant = defineRoute({
  method: 'put',
  path: '/admin/tenants/{tenant_id}',
  key: 'admin',
  id: 'putTenant',
  tag: 'Administration',
  summary: 'Make a tenant',
  description: 'One that is there stays as it is.',
  parameters: [parameters.tenantId],
  answers: { 200: json('It was there.', Tenant), 201: json('It is made.', Tenant) },
  problems: ['invalid_input', 'log_unavailable'],
  handle:
    ({ admin }: AdminGroup) =>
    async (c) => {
      const tenantId = c.req.param('tenant_id') ?? '';
      const parsed = TenantId.safeParse(tenantId);
      if (!parsed.success) {
        const detail = parsed.error.issues[0]?.message ?? 'is not valid';
        throw new Refusal('invalid_input', { errors: [{ parameter: 'tenant_id', code: 'pattern', detail }] });
      }
      c.env.tenantId = tenantId;
      const tenant: Tenant = { tenant_id: tenantId, created_at: new Date(admin.now()).toISOString() };
      if (await admin.tenantBucket.create(tenantId, tenant)) return answer(c, { status: 201, body: tenant });
      return answer(c, { status: 200, body: (await admin.tenantBucket.get(tenantId)) ?? tenant });
    },
});
