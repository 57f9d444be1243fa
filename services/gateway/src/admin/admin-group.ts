import type { Bus, Heartbeats, RecordedBucket } from '@errand/bus';
import type { Tenant } from '@errand/contracts';
import type { ActionCatalogue } from '../actions/action-catalogue.ts';
import type { Lookup } from '../actions/lookup.ts';
import type { KeyRequests } from '../load/key-requests.ts';

/** For handlers that take the admin key. */
export interface AdminGroup {
  readonly admin: {
    readonly bus: Pick<Bus, 'audit' | 'commands' | 'config' | 'deadLetters'> & {
      readonly jobs: Pick<Bus['jobs'], 'lastEvent'>;
    };
    readonly tenants: Lookup<Tenant>;
    readonly tenantBucket: RecordedBucket<Tenant>;
    readonly keyRequests: Pick<KeyRequests, 'report'>;
    readonly catalogue: ActionCatalogue;
    readonly executors: Pick<Heartbeats, 'list'>;
    readonly now: () => number;
  };
}
