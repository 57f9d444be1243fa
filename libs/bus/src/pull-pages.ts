import {
  AckPolicy,
  type ConsumerConfig,
  type JetStreamManager,
  type JsMsg,
  jetstream,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { LogUnavailable } from './errors.ts';

const FETCH_MS = 5_000;
const INACTIVE_NS = 30_000_000_000;

export interface PulledPage {
  readonly messages: JsMsg[];
  /** How many more the stream held behind this page when it was read. */
  readonly remaining: number;
}

/**
 * What a stream holds for a consumer page by page, up to the end that it has when a page comes back with none remaining.
 * The next page is read while the caller works on one. A consumer of its own for each read, which the server forgets by
 * itself should the deletion get lost.
 * @throws LogUnavailable
 */
export async function* pullPages(
  nc: NatsConnection,
  jsm: JetStreamManager,
  wanted: { stream: string; config: Partial<ConsumerConfig>; pageSize: number },
): AsyncGenerator<PulledPage, void, undefined> {
  const { stream, pageSize } = wanted;
  const config = {
    ...{ ack_policy: AckPolicy.None, mem_storage: true, num_replicas: 1, inactive_threshold: INACTIVE_NS },
    ...wanted.config,
  };
  const info = await orUnavailable(() => jsm.consumers.add(stream, config));
  try {
    const consumer = await orUnavailable(() => jetstream(nc).consumers.get(stream, info.name));
    let remaining = info.num_pending;
    let delivered = 0;
    const fetchPage = async () => {
      const messages: JsMsg[] = [];
      const count = Math.min(pageSize, remaining);
      for await (const message of await consumer.fetch({ max_messages: count, expires: FETCH_MS })) {
        delivered++;
        // Nothing is sent twice by such a consumer: what is lost on its way is missing for good.
        if (message.info.deliverySequence !== delivered) throw new Error('an entry was lost on its way');
        messages.push(message);
        remaining = message.info.pending;
      }
      if (messages.length < count) throw new Error('the server announced more entries than it sent');
      return { messages, remaining };
    };
    let ahead = remaining > 0 ? [fetchPage()] : [];
    for (let [next] = ahead; next !== undefined; [next] = ahead) {
      const fetched = next;
      const page = await orUnavailable(() => fetched);
      ahead = page.remaining > 0 ? [fetchPage()] : [];
      // A caller that stops early leaves this one to fail on a consumer that is gone.
      for (const each of ahead) each.catch(() => {});
      yield page;
    }
  } finally {
    await jsm.consumers.delete(stream, info.name).catch(() => {});
  }
}

export async function orUnavailable<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw new LogUnavailable('the log did not answer', { cause: error });
  }
}
