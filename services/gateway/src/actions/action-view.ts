import { ActionContract, Instant, type LiveContract } from '@errand/contracts';
import { z } from 'zod';
import { named } from '../openapi/schemas.ts';
import type { CatalogueEntry } from './action-catalogue.ts';

/** Since when no executor serves it; null while one does. */
const unservedSince = Instant.nullable();

export const ActionView = named(
  'Action',
  ActionContract.extend({
    unserved_since: unservedSince,
    /** All contracts of which jobs may still run, newest first. Runs are taken under `contract_id`. */
    contracts: z.array(
      z.object({
        contract_id: ActionContract.shape.contract_id,
        version: ActionContract.shape.version,
        first_announced_at: Instant,
        unserved_since: unservedSince,
      }),
    ),
    links: z.object({ run: z.string(), status: z.string() }),
  }),
);

/** An action as callers read it, with the links under which the tenant runs it. */
export function actionView(entry: CatalogueEntry, tenantId: string): z.infer<typeof ActionView> {
  const { contract, contracts, unservedSince: unserved_since } = entry;
  const resource = contract.resource === '' ? '' : `/${contract.resource.replace(/\/$/, '')}`;
  const prefix = `/v2/tenants/${tenantId}${resource}/${contract.name}`;
  const links = { run: `${prefix}/run`, status: `${prefix}/status?job_id={job_id}` };
  return { ...contract, unserved_since, contracts: contracts.map(liveView).toSorted(newestFirst), links };
}

type LiveView = z.infer<typeof ActionView>['contracts'][number];

function liveView({ contract, first_announced_at, unserved_since }: LiveContract): LiveView {
  const { contract_id, version } = contract;
  return { contract_id, version, first_announced_at, unserved_since };
}

function newestFirst(a: LiveView, b: LiveView): number {
  return a.first_announced_at < b.first_announced_at ? 1 : -1;
}
