import type { Bus } from '@errand/bus';
import type { Logger } from '@errand/runtime';
import type { StreamBeat } from '../http/stream-beat.ts';
import type { JobHistoryDeps } from './history/history.ts';
import type { JobList } from './list/list-rows.ts';
import type { LookUpDeps } from './look-up-job.ts';

/** For handlers that read or change jobs. */
export interface JobsGroup {
  readonly jobs: Jobs;
}

interface Jobs extends LookUpDeps, JobHistoryDeps {
  readonly bus: LookUpDeps['bus'] &
    JobHistoryDeps['bus'] & {
      readonly jobs: Pick<Bus['jobs'], 'append'>;
      readonly payloads: Pick<Bus['payloads'], 'open'>;
      readonly jobLogs: Pick<Bus['jobLogs'], 'read' | 'onStored'>;
    };
  readonly list: JobList;
  readonly streamBeat: StreamBeat;
  readonly log: Logger;
  readonly appendTimeoutMs: number;
}
