import { type ConsumerSpec, redriveConsumer } from '@errand/contracts';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { JS, jsCode } from '../errors.ts';
import { askPatiently } from './ask-patiently.ts';

/** Removes a consumer, and the one that redelivers what it could not read. */
export async function removeConsumer(
  nc: NatsConnection,
  consumer: Pick<ConsumerSpec, 'stream' | 'name'>,
): Promise<void> {
  await removeConsumerAlone(nc, consumer);
  await removeConsumerAlone(nc, redriveConsumer(consumer.name));
}

/** Removes a consumer alone. A missing one is no error. */
export async function removeConsumerAlone(
  nc: NatsConnection,
  { stream, name }: Pick<ConsumerSpec, 'stream' | 'name'>,
): Promise<void> {
  await askPatiently(async (options) => {
    const jsm = await jetstreamManager(nc, options);
    await jsm.consumers.delete(stream, name).catch((error) => {
      if (jsCode(error) !== JS.consumerNotFound) throw error;
    });
  });
}
