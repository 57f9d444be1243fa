import { TenantId } from '@errand/contracts';
import { Refusal } from '../http/problem.ts';
import type { Ctx } from '../http/request-log.ts';

/** The tenant's id in the path. @throws Refusal unknown_tenant for what no tenant can be called */
export function knownTenantId(c: Ctx): string {
  const tenantId = c.req.param('tenant_id') ?? '';
  if (!TenantId.safeParse(tenantId).success) throw new Refusal('unknown_tenant');
  c.env.tenantId = tenantId;
  return tenantId;
}
