import type { ActionContract } from '@errand/contracts';

/** A contract as callers read it, with the links under which the tenant runs it. */
export function actionView(contract: ActionContract, tenantId: string) {
  const resource = contract.resource === '' ? '' : `/${contract.resource.replace(/\/$/, '')}`;
  const prefix = `/v2/tenants/${tenantId}${resource}/${contract.name}`;
  return { ...contract, links: { run: `${prefix}/run`, status: `${prefix}/status?job_id={job_id}` } };
}
