import type { ConsumerSpec } from '@errand/contracts';
import type { JetStreamManager } from '@nats-io/jetstream';
import { orUnavailable } from './read-pages.ts';

export interface AckFloors {
  /**
   * The version up to which a consumer has settled every event. It may go back when servers crash: they forget
   * acknowledgements, and the events are delivered again.
   * @throws LogUnavailable, also when there is no such consumer yet
   */
  ackFloor(consumer: ConsumerSpec): Promise<number>;
}

export function createAckFloors(jsm: JetStreamManager): AckFloors {
  return {
    ackFloor: ({ stream, name }) =>
      orUnavailable(async () => (await jsm.consumers.info(stream, name)).ack_floor.stream_seq),
  };
}
