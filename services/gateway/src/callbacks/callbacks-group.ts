import type { Bus, PayloadRoom } from '@errand/bus';
import type { CallbackKeys } from '@errand/runtime';
import type { ActionCatalogue } from '../actions/action-catalogue.ts';
import type { LongLog } from '../jobs/history/long-history.ts';
import type { JobWatch } from '../jobs/job-watch.ts';
import type { LogRoom } from '../load/log-room.ts';

/** For handlers of the calls by which outside systems end jobs. */
export interface CallbacksGroup {
  readonly callbacks: Callbacks;
}

interface Callbacks {
  readonly bus: {
    readonly jobs: Pick<Bus['jobs'], 'read' | 'append'>;
    readonly payloads: Pick<Bus['payloads'], 'put'>;
  };
  readonly keys: CallbackKeys;
  readonly catalogue: Pick<ActionCatalogue, 'findContract'>;
  readonly watch: JobWatch;
  readonly longLog: Pick<LongLog, 'read'>;
  readonly logRoom: Pick<LogRoom, 'hasRoom'>;
  readonly now: () => number;
  /** How long a call waits that comes before its job does. */
  readonly waitMs: number;
  /** The shortest time between two events with progress of one job. */
  readonly progressIntervalMs: number;
  readonly inlinePayloadBytes: number;
  readonly resultRoom: PayloadRoom;
}
