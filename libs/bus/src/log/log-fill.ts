import { EXECUTOR_CONSUMER_PREFIX, JOBS_STREAM, type SCHEDULER_COMMANDS } from '@errand/contracts';
import type { JetStreamManager } from '@nats-io/jetstream';
import type { Commands } from '../commands/commands.ts';
import { orUnavailable } from '../read/read-pages.ts';

/** How much the log holds and may hold, in bytes as the server counts them; 0 for a log without a limit. */
interface LogFill {
  readonly bytes: number;
  readonly maxBytes: number;
  readonly messages: number;
}

interface OpenJobs {
  readonly jobs: number;
  /** Whether those are among them that no executor can get yet; else those are that the scheduler knew of last. */
  readonly hasWaiting: boolean;
}

export interface LogFillReader {
  /** @throws LogUnavailable */
  readFill(): Promise<LogFill>;
  /**
   * How many jobs have still to end, as an upper bound: what executors have not settled, and what waits for a time or
   * for its turn. It does not need the read model.
   * @throws LogUnavailable
   */
  countOpen(): Promise<OpenJobs>;
}

export function createLogFill(
  jsm: JetStreamManager,
  askScheduler: Commands<typeof SCHEDULER_COMMANDS>['ask'],
): LogFillReader {
  let waiting = 0;

  /** They are in no consumer. While the scheduler does not know them, its last answer counts. */
  async function hearWaiting(): Promise<boolean> {
    const answer = await askScheduler('waiting_jobs', {}).catch(() => undefined);
    if (answer?.kind === 'counted') waiting = answer.waiting;
    return answer?.kind === 'counted';
  }

  return {
    readFill: () =>
      orUnavailable(async () => {
        const { state, config } = await jsm.streams.info(JOBS_STREAM);
        const { bytes, messages } = state;
        return { bytes, messages, maxBytes: Math.max(0, config.max_bytes) };
      }),
    countOpen: () =>
      orUnavailable(async () => {
        const hasWaiting = await hearWaiting();
        let jobs = waiting;
        for await (const info of jsm.consumers.list(JOBS_STREAM)) {
          if (info.name.startsWith(EXECUTOR_CONSUMER_PREFIX)) jobs += info.num_pending + info.num_ack_pending;
        }
        return { jobs, hasWaiting };
      }),
  };
}
