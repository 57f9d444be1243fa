import type { Bus } from '@errand/bus';
import type { Idempotency } from '../runs/idempotency.ts';
import type { BulkJobs } from './bulk-rows.ts';
import type { BulkStore } from './bulk-store.ts';

/** For handlers about bulk actions. */
export interface BulkGroup {
  readonly bulk: {
    readonly bus: { readonly jobs: Pick<Bus['jobs'], 'lastEvent'> };
    readonly store: BulkStore;
    readonly jobs: BulkJobs;
    readonly idempotency: Idempotency;
    /** How many of a tenant's may run at a time. */
    readonly perTenant: number;
    readonly now: () => number;
  };
}
