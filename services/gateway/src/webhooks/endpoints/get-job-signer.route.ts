import type { TenantHandler } from '../../http/authenticate.ts';
import { answer } from '../../http/respond.ts';
import type { EndpointDeps } from './endpoint-store.ts';
import { jobSignerView, readJobSigner } from './job-signer.ts';

/** GET …/webhooks/job: what the webhooks of the tenant's runs are signed with, by fingerprint. */
export function getJobSigner({ endpoints, box, now }: EndpointDeps): TenantHandler {
  return async (c, { tenantId }) => {
    const signer = await readJobSigner(endpoints, tenantId);
    return answer(c, { status: 200, body: jobSignerView(box, signer, now()) });
  };
}
