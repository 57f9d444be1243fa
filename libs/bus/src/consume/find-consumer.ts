import type { ConsumerSpec } from '@errand/contracts';
import { type Consumer, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { askPatiently } from '../connect/ask-patiently.ts';
import { JS, jsCode } from '../errors.ts';

/**
 * The consumer as the server knows it, however long an election takes; undefined once the signal has fired, since a
 * stop must not wait for a server that is away.
 * @throws when the server says that there is no such consumer, or does not answer for a minute
 */
export async function findConsumer(
  nc: NatsConnection,
  { stream, name }: Pick<ConsumerSpec, 'stream' | 'name'>,
  signal: AbortSignal,
): Promise<Consumer | undefined> {
  const stopped = Promise.withResolvers<undefined>();
  const onAbort = () => stopped.resolve(undefined);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    const finding = askPatiently((options) => jetstream(nc, options).consumers.get(stream, name), signal);
    return await Promise.race([finding, stopped.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** @throws when the server says that there is no such consumer. */
export async function assertExists(consumer: Consumer): Promise<void> {
  try {
    await consumer.info();
  } catch (error) {
    if (jsCode(error) === JS.consumerNotFound || jsCode(error) === JS.streamNotFound) throw error;
  }
}
