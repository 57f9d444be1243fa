import type { Handler } from '../http/authenticate.ts';
import { answer } from '../http/respond.ts';
import type { KeyRequests } from '../load/key-requests.ts';

/** GET /admin/usage: what the keys that cost this gateway most have cost it in the last one to two minutes. */
export function getKeyUsage({ keyRequests }: { keyRequests: Pick<KeyRequests, 'report'> }): Handler {
  return (c) => answer(c, { status: 200, body: keyRequests.report() });
}
