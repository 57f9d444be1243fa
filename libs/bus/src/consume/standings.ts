import type { JetStreamManager } from '@nats-io/jetstream';
import { JS, jsCode, LogUnavailable } from '../errors.ts';

/** How far a durable consumer has come. */
export interface ConsumerStanding {
  /** Everything up to here is settled. */
  readonly ackFloor: number;
  /** Not delivered yet. */
  readonly pending: number;
  /** Delivered and not settled. */
  readonly ackPending: number;
  /** Pull requests that wait because there is no work. */
  readonly waiting: number;
  readonly ackWaitMs: number;
}

export interface Standings {
  /** Undefined for a consumer that does not exist. @throws LogUnavailable */
  standingOf(consumer: { stream: string; name: string }): Promise<ConsumerStanding | undefined>;
}

export function createStandings(jsm: JetStreamManager): Standings {
  return {
    async standingOf({ stream, name }) {
      try {
        const info = await jsm.consumers.info(stream, name);
        return {
          ackFloor: info.ack_floor.stream_seq,
          pending: info.num_pending,
          ackPending: info.num_ack_pending,
          waiting: info.num_waiting,
          ackWaitMs: (info.config.ack_wait ?? 0) / 1e6,
        };
      } catch (error) {
        if (jsCode(error) === JS.consumerNotFound) return undefined;
        throw new LogUnavailable('the log did not answer', { cause: error });
      }
    },
  };
}
