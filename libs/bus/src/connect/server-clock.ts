import { JOBS_STREAM } from '@errand/contracts';
import type { JetStreamManager } from '@nats-io/jetstream';
import { LogUnavailable } from '../errors.ts';

export interface ServerClock {
  /**
   * How far `now` is ahead of the clock of the log's server, in milliseconds; negative if it is behind. What one round
   * trip could explain is left out, so it is 0 for clocks that may be the same.
   * @throws LogUnavailable
   */
  clockAheadMs(now?: () => number): Promise<number>;
}

export function createServerClock(jsm: JetStreamManager): ServerClock {
  return {
    async clockAheadMs(now = Date.now) {
      const askedMs = now();
      const { ts } = await jsm.streams.info(JOBS_STREAM).catch((error) => {
        throw new LogUnavailable('the log did not answer', { cause: error });
      });
      const answeredMs = now();
      const serverMs = Date.parse(ts ?? '');
      if (Number.isNaN(serverMs)) throw new LogUnavailable('the server did not send its time');
      if (serverMs < askedMs) return askedMs - serverMs;
      return Math.min(0, answeredMs - serverMs);
    },
  };
}
