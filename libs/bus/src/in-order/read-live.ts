import { followConsumerName, JOBS_STREAM } from '@errand/contracts';
import { AckPolicy, type Consumer, DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { askPatiently } from '../connect/ask-patiently.ts';
import { removeConsumerAlone } from '../connect/remove-consumer.ts';
import type { Connection } from '../consume/pulls.ts';
import { decodeEvent } from '../read/event-codec.ts';
import type { LogReads, OrderedReadOptions } from './options.ts';
import { persist } from './persist.ts';
import type { Arrived, Taker } from './taker.ts';

const INACTIVE_NS = 300_000_000_000;

/**
 * Takes what the log holds behind a version, and what comes, until the signal fires, something has left the log, or the
 * consumer is no longer this turn's alone: then the next turn makes it anew. All events come: a filter costs the server more
 * than their way here, as `follow` says.
 */
export async function readLive(
  connection: Connection,
  reads: LogReads,
  version: number,
  taker: Taker,
  options: OrderedReadOptions,
): Promise<void> {
  const { maxBatch, lingerMs, signal } = options;
  const consumer = await makeConsumer(connection, { reader: options.reader.name, version, signal });
  const messages = await consumer.consume({
    max_messages: 2 * maxBatch,
    idle_heartbeat: 1_000,
    abort_on_missing_resource: true,
  });
  const isCut = async () => ((await reads.jobs.reach()).firstVersion ?? 0) > version + 1;
  if (await persist(isCut, options)) {
    // Something has left the log meanwhile: the next turn takes it from the audit log.
    await messages.close();
    return;
  }
  // What was on its way is lost, and the consumer sends nothing twice.
  const forget = connection.onReconnected(() => messages.stop());
  const arrived: Arrived[] = [];
  const some = createSignal();
  const room = createSignal();
  let stopLingering = () => {};
  const linger = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, lingerMs);
      stopLingering = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const stop = () => {
    messages.stop();
    some.notify();
    room.notify();
    stopLingering();
  };
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();

  const receive = async () => {
    let delivered = 0;
    for await (const message of messages) {
      const { subject, seq } = message;
      // Another process has made it anew, or has got some of it.
      if (message.info.deliverySequence !== ++delivered) return;
      arrived.push({ subject, version: seq, decode: () => decodeEvent(message), body: () => message.data });
      some.notify();
      if (arrived.length >= maxBatch) stopLingering();
      while (arrived.length >= 2 * maxBatch && !signal.aborted) await room.wait();
      if (signal.aborted) return;
    }
  };
  let isEnded = false;
  const receiving = receive()
    .catch(options.onError)
    .finally(() => {
      isEnded = true;
      some.notify();
    });
  let place = version;
  while (!signal.aborted) {
    if (arrived.length === 0) {
      if (isEnded) break;
      await some.wait();
      continue;
    }
    if (lingerMs > 0 && arrived.length < maxBatch) await linger();
    const batch = arrived.splice(0, maxBatch);
    room.notify();
    const to = batch.at(-1)?.version ?? place;
    if (!(await taker.takeArrived(batch, { from: place, to }))) break;
    place = to;
  }
  signal.removeEventListener('abort', stop);
  forget();
  stop();
  // A reader that waits for room has to see that nobody makes any.
  arrived.length = 0;
  await messages.close();
  await receiving;
}

/**
 * A consumer that only a reader of this name makes, so that its permissions can name it. One of an earlier turn, or of a
 * process that was overtaken, is removed.
 */
async function makeConsumer(
  { nc }: Connection,
  { reader, version, signal }: { reader: string; version: number; signal: AbortSignal },
): Promise<Consumer> {
  const name = followConsumerName(reader);
  await removeConsumerAlone(nc, { stream: JOBS_STREAM, name });
  return askPatiently(async (asked) => {
    const jsm = await jetstreamManager(nc, asked);
    await jsm.consumers.add(JOBS_STREAM, {
      name,
      ack_policy: AckPolicy.None,
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: INACTIVE_NS,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: version + 1,
    });
    return jetstream(nc, asked).consumers.get(JOBS_STREAM, name);
  }, signal);
}

/** Wakes one waiter; a notification that nobody awaits is kept for the next one. */
function createSignal(): { wait(): Promise<void>; notify(): void } {
  let pending = Promise.withResolvers<void>();
  return {
    async wait() {
      await pending.promise;
      pending = Promise.withResolvers<void>();
    },
    notify: () => pending.resolve(),
  };
}
