import { ActionContract } from '@errand/contracts';
import { z } from 'zod';

export const ActionView = ActionContract.extend({
  links: z.object({ run: z.string(), status: z.string() }),
});

/** A contract as callers read it, with the links under which the tenant runs it. */
export function actionView(contract: ActionContract, tenantId: string): z.infer<typeof ActionView> {
  const resource = contract.resource === '' ? '' : `/${contract.resource.replace(/\/$/, '')}`;
  const prefix = `/v2/tenants/${tenantId}${resource}/${contract.name}`;
  return { ...contract, links: { run: `${prefix}/run`, status: `${prefix}/status?job_id={job_id}` } };
}
