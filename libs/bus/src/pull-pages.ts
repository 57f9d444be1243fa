import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
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
 * itself should the deletion get lost. It also forgets one whose caller works on a page for longer than that, and on a
 * restart; such a read goes on with another consumer behind the last page.
 * @throws LogUnavailable
 */
export async function* pullPages(
  nc: NatsConnection,
  jsm: JetStreamManager,
  wanted: { stream: string; config: Partial<ConsumerConfig>; pageSize: number },
): AsyncGenerator<PulledPage, void, undefined> {
  let puller = await openPuller(nc, jsm, wanted);
  let lastSeq: number | undefined;
  try {
    let ahead = puller.isAtEnd() ? undefined : puller.fetchPage();
    while (ahead !== undefined) {
      let page = await ahead.catch(() => undefined);
      if (!page) {
        await puller.close();
        puller = await openPuller(nc, jsm, { ...wanted, config: behind(wanted.config, lastSeq) });
        if (puller.isAtEnd()) return;
        page = await orUnavailable(puller.fetchPage);
      }
      lastSeq = page.messages.at(-1)?.seq ?? lastSeq;
      ahead = puller.isAtEnd() ? undefined : puller.fetchPage();
      // A caller that stops early leaves this one to fail on a consumer that is gone.
      ahead?.catch(() => {});
      yield page;
    }
  } finally {
    await puller.close();
  }
}

/** The same consumer, begun behind what has been read. */
function behind(config: Partial<ConsumerConfig>, lastSeq: number | undefined): Partial<ConsumerConfig> {
  if (lastSeq === undefined) return config;
  const { opt_start_time: _, ...rest } = config;
  return { ...rest, deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: lastSeq + 1 };
}

/** A consumer that is read from its beginning, one page after the other. */
async function openPuller(
  nc: NatsConnection,
  jsm: JetStreamManager,
  { stream, config, pageSize }: { stream: string; config: Partial<ConsumerConfig>; pageSize: number },
) {
  const common = { mem_storage: true, num_replicas: 1, inactive_threshold: INACTIVE_NS };
  const info = await orUnavailable(() =>
    jsm.consumers.add(stream, { ack_policy: AckPolicy.None, ...common, ...config }),
  );
  const consumer = await orUnavailable(() => jetstream(nc).consumers.get(stream, info.name));
  let remaining = info.num_pending;
  let delivered = 0;
  return {
    isAtEnd: () => remaining === 0,
    async fetchPage(): Promise<PulledPage> {
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
    },
    async close(): Promise<void> {
      await jsm.consumers.delete(stream, info.name).catch(() => {});
    },
  };
}

export async function orUnavailable<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw new LogUnavailable('the log did not answer', { cause: error });
  }
}
