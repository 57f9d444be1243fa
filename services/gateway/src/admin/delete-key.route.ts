import type { WatchedBucket } from '@errand/bus';
import type { ApiKey } from '@errand/contracts';
import type { Handler } from '../http/authenticate.ts';
import { Refusal } from '../http/problem.ts';
import { answerEmpty } from '../http/respond.ts';

const KEY_ID = /^[0-9a-f]{64}$/;

/** DELETE /admin/keys/{key_id}: the key stops at once here and within a moment in every other gateway. */
export function deleteKey({ keys }: { keys: WatchedBucket<ApiKey> }): Handler {
  return async (c) => {
    const keyId = c.req.param('key_id') ?? '';
    const key = KEY_ID.test(keyId) ? (keys.peek(keyId) ?? (await keys.get(keyId))) : undefined;
    if (!key) throw new Refusal('unknown_key');
    c.env.tenantId = key.tenant_id;
    await keys.delete(keyId);
    return answerEmpty(c, 204);
  };
}
