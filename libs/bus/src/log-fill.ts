import { ALL_WAITS, EXECUTOR_CONSUMER_PREFIX, JOBS_STREAM, TIMERS_STREAM } from '@errand/contracts';
import { AckPolicy, type JetStreamManager } from '@nats-io/jetstream';
import { orUnavailable } from './read-pages.ts';

/** How much the log holds and may hold, in bytes as the server counts them; 0 for a log without a limit. */
interface LogFill {
  readonly bytes: number;
  readonly maxBytes: number;
}

export interface LogFillReader {
  /** @throws LogUnavailable */
  readLogFill(): Promise<LogFill>;
  /**
   * How many jobs have still to end, from above: what executors have not settled, and waits that are not over. It does
   * without the read model.
   * @throws LogUnavailable
   */
  countOpenJobs(): Promise<number>;
}

const INACTIVE_NS = 5_000_000_000;

export function createLogFill(jsm: JetStreamManager): LogFillReader {
  /** The server counts what a new consumer of them would be given. */
  async function countWaits(): Promise<number> {
    const { name, num_pending } = await jsm.consumers.add(TIMERS_STREAM, {
      ack_policy: AckPolicy.None,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: INACTIVE_NS,
      filter_subject: ALL_WAITS,
    });
    await jsm.consumers.delete(TIMERS_STREAM, name);
    return num_pending;
  }

  return {
    readLogFill: () =>
      orUnavailable(async () => {
        const { state, config } = await jsm.streams.info(JOBS_STREAM);
        return { bytes: state.bytes, maxBytes: Math.max(0, config.max_bytes) };
      }),
    countOpenJobs: () =>
      orUnavailable(async () => {
        let open = await countWaits();
        for await (const info of jsm.consumers.list(JOBS_STREAM)) {
          if (info.name.startsWith(EXECUTOR_CONSUMER_PREFIX)) open += info.num_pending + info.num_ack_pending;
        }
        return open;
      }),
  };
}
