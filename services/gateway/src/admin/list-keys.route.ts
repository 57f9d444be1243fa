import type { WatchedBucket } from '@errand/bus';
import { type ApiKey, type Tenant, TenantId } from '@errand/contracts';
import type { Lookup } from '../actions/lookup.ts';
import type { Handler } from '../http/authenticate.ts';
import { Refusal } from '../http/problem.ts';
import { answer } from '../http/respond.ts';

/** GET /admin/tenants/{tenant_id}/keys: the tenant's keys without their tokens, oldest first. */
export function listKeys(deps: { keys: WatchedBucket<ApiKey>; tenants: Lookup<Tenant> }): Handler {
  return async (c) => {
    const tenantId = c.req.param('tenant_id') ?? '';
    const known = TenantId.safeParse(tenantId).success && (await deps.tenants.find(tenantId));
    if (!known) throw new Refusal('unknown_tenant');
    c.env.tenantId = tenantId;
    const keys = [...deps.keys.entries()]
      .filter(([, key]) => key.tenant_id === tenantId)
      .map(([keyId, key]) => ({ key_id: keyId, ...key }))
      .sort((a, b) => (a.created_at < b.created_at ? -1 : 1));
    return answer(c, { status: 200, body: { keys } });
  };
}
