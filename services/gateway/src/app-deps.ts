import type { Bucket, Bus, Heartbeats, RecordedBucket } from '@errand/bus';
import type { ApiKey, IdempotencyRecord, Tenant } from '@errand/contracts';
import type { CallbackKeys, Logger, Ops, SecretBox, Tracing } from '@errand/runtime';
import type { ActionCatalogue } from './actions/action-catalogue.ts';
import type { BulkJobs } from './bulk/bulk-rows.ts';
import type { BulkStore } from './bulk/bulk-store.ts';
import type { GatewayConfig } from './config.ts';
import type { EndingsTable } from './feed/endings-rows.ts';
import type { Tokens } from './http/tokens.ts';
import type { JobStore } from './jobs/job-rows.ts';
import type { JobList } from './jobs/list/list-rows.ts';
import type { KeyRequests } from './load/key-requests.ts';
import type { KeyUses } from './load/key-uses.ts';
import type { LogRoom } from './load/log-room.ts';
import type { PortalSessions } from './portal/portal-sessions.ts';
import type { ScheduleStore } from './schedules/schedule-store.ts';
import type { Oidc } from './session/oidc/open-oidc.ts';
import type { OneTimeCodes } from './session/one-time-codes.ts';
import type { Sessions } from './session/session-cookie.ts';
import type { StatsTables } from './stats/stats-rows.ts';
import type { DeliveryLog } from './webhooks/deliveries/delivery-rows.ts';
import type { EndpointHealthStore } from './webhooks/endpoints/endpoint-health.ts';
import type { EndpointBucket } from './webhooks/endpoints/endpoint-store.ts';
import type { ReplayLog } from './webhooks/replays/replay-rows.ts';

/** What the gateway is connected to. */
export interface AppDeps {
  readonly config: GatewayConfig;
  readonly bus: Bus;
  readonly store: JobStore;
  readonly list: JobList;
  readonly endings: EndingsTable;
  readonly stats: StatsTables;
  readonly catalogue: ActionCatalogue;
  readonly executors: Heartbeats;
  readonly tenantBucket: RecordedBucket<Tenant>;
  readonly keys: RecordedBucket<ApiKey>;
  readonly keyRequests: KeyRequests;
  readonly keyUses: KeyUses;
  readonly tokens: Tokens;
  readonly sessions: Sessions;
  readonly codes: OneTimeCodes;
  /** Absent where nobody signs in at a provider. */
  readonly oidc: Oidc | undefined;
  readonly portals: PortalSessions;
  readonly endpoints: EndpointBucket;
  readonly health: EndpointHealthStore;
  readonly deliveries: DeliveryLog;
  readonly replays: ReplayLog;
  readonly bulkStore: BulkStore;
  readonly bulkJobs: BulkJobs;
  readonly schedules: ScheduleStore;
  readonly idempotencyRecords: Bucket<IdempotencyRecord>;
  readonly box: SecretBox;
  readonly callbackKeys: CallbackKeys;
  readonly ops: Ops;
  readonly logRoom: LogRoom;
  readonly log: Logger;
  /** Undefined unless traces are wanted. */
  readonly tracing: Tracing | undefined;
  readonly now: () => number;
  /** Aborted when no more requests are to be waited for. */
  readonly stopping: AbortSignal;
}
