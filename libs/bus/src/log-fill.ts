import { JOBS_STREAM } from '@errand/contracts';
import type { JetStreamManager } from '@nats-io/jetstream';
import { LogUnavailable } from './errors.ts';

export interface LogFill {
  /**
   * How much of the bytes that the log may hold are in it, from 0 to 1, as the server counts them.
   * @throws LogUnavailable
   */
  readLogFill(): Promise<number>;
}

export function createLogFill(jsm: JetStreamManager): LogFill {
  return {
    async readLogFill() {
      try {
        const { state, config } = await jsm.streams.info(JOBS_STREAM);
        return config.max_bytes > 0 ? state.bytes / config.max_bytes : 0;
      } catch (error) {
        throw new LogUnavailable('the log did not answer', { cause: error });
      }
    },
  };
}
