import type { Bus } from '@errand/bus';
import type { ActionCatalogue } from '../actions/action-catalogue.ts';
import type { BodyLimits, HttpGroup } from '../http/read-body.ts';
import type { JobsGroup } from '../jobs/jobs-group.ts';
import type { LogRoom } from '../load/log-room.ts';
import type { WebhooksGroup } from '../webhooks/webhooks-group.ts';
import type { Idempotency } from './idempotency.ts';
import type { StoreInputDeps } from './request-job.ts';
import type { RunLimits } from './run-limits.ts';
import type { OrderLimits } from './run-options.ts';
import type { RunTurns } from './run-turns.ts';

/** For handlers that request jobs. */
export interface RunsGroup {
  readonly runs: Runs;
}

/** A run is found like any job, and its webhook is signed with a secret of the tenant's. */
export type RunDeps = HttpGroup & RunsGroup & JobsGroup & WebhooksGroup;

interface Runs extends StoreInputDeps, OrderLimits {
  readonly bus: StoreInputDeps['bus'] & {
    readonly jobs: Pick<Bus['jobs'], 'read' | 'append' | 'appendBatch'>;
    readonly payloads: Pick<Bus['payloads'], 'open'>;
  };
  readonly catalogue: ActionCatalogue;
  readonly idempotency: Idempotency;
  readonly logRoom: LogRoom;
  readonly limits: RunLimits;
  readonly turns: RunTurns;
  readonly now: () => number;
  readonly appendTimeoutMs: number;
  /** For how long a payload is kept after it was stored. */
  readonly payloadLifeMs: number;
  readonly batchLimits: BodyLimits;
  /** The most bytes that the JSON of one event may have. */
  readonly maxEventBytes: () => number;
}
