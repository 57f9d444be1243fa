import { hash, randomBytes } from 'node:crypto';
import type { WatchedBucket } from '@errand/bus';
import { ApiKey, type Tenant, TenantId } from '@errand/contracts';
import { z } from 'zod';
import type { Lookup } from '../actions/lookup.ts';
import type { Handler } from '../http/authenticate.ts';
import { parseBody, printable } from '../http/body-errors.ts';
import { Refusal } from '../http/problem.ts';
import { type BodyLimits, readJsonObject } from '../http/read-body.ts';
import { answer } from '../http/respond.ts';

export const KeyBody = z.strictObject({ name: printable(ApiKey.shape.name) });

/** POST /admin/tenants/{tenant_id}/keys: a new key. Its token is in this answer and nowhere else. */
export function createKey(
  deps: BodyLimits & { keys: WatchedBucket<ApiKey>; tenants: Lookup<Tenant>; now: () => number },
): Handler {
  return async (c) => {
    const tenantId = c.req.param('tenant_id') ?? '';
    const known = TenantId.safeParse(tenantId).success && (await deps.tenants.find(tenantId));
    if (!known) throw new Refusal('unknown_tenant');
    c.env.tenantId = tenantId;
    const { name } = parseBody(KeyBody, (await readJsonObject(c, deps)).body);
    const token = `errand_${randomBytes(32).toString('base64url')}`;
    const keyId = hash('sha256', token, 'hex');
    const key: ApiKey = { tenant_id: tenantId, name, created_at: new Date(deps.now()).toISOString() };
    await deps.keys.put(keyId, key);
    return answer(c, { status: 201, body: { key_id: keyId, ...key, api_key: token } });
  };
}
