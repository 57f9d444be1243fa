import type { WatchedBucket } from '@errand/bus';
import { type Tenant, TenantId } from '@errand/contracts';
import type { Handler } from '../http/authenticate.ts';
import { Refusal } from '../http/problem.ts';
import { answer } from '../http/respond.ts';

/** PUT /admin/tenants/{tenant_id}: 201 for a tenant that is made, 200 for one that was there. */
export function putTenant(deps: { tenants: WatchedBucket<Tenant>; now: () => number }): Handler {
  return async (c) => {
    const tenantId = c.req.param('tenant_id') ?? '';
    const parsed = TenantId.safeParse(tenantId);
    if (!parsed.success) {
      const detail = parsed.error.issues[0]?.message ?? 'is not valid';
      throw new Refusal('invalid_input', { errors: [{ parameter: 'tenant_id', code: 'pattern', detail }] });
    }
    c.env.tenantId = tenantId;
    const tenant: Tenant = { tenant_id: tenantId, created_at: new Date(deps.now()).toISOString() };
    if (await deps.tenants.create(tenantId, tenant)) return answer(c, { status: 201, body: tenant });
    return answer(c, { status: 200, body: (await deps.tenants.get(tenantId)) ?? tenant });
  };
}
