import { JOBS_STREAM } from '@errand/contracts';
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import { askPatiently } from '../connect/ask-patiently.ts';
import type { Connection } from '../consume/pulls.ts';
import { decodeEvent } from '../read/event-codec.ts';
import type { LogReads, OrderedReadOptions } from './options.ts';
import { persist } from './persist.ts';
import type { Arrived, Taker } from './taker.ts';

/**
 * Takes what the log holds behind a version, and what comes, until the signal fires or something has left the log. All
 * events come: a filter costs the server more than their way here, as `follow` says.
 */
export async function readLive(
  { nc }: Connection,
  reads: LogReads,
  version: number,
  taker: Taker,
  options: OrderedReadOptions,
): Promise<void> {
  const { maxBatch, lingerMs, signal } = options;
  const consumer = await askPatiently(
    (asked) =>
      jetstream(nc, asked).consumers.get(JOBS_STREAM, {
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: version + 1,
      }),
    signal,
  );
  const messages = await consumer.consume({ max_messages: 2 * maxBatch, idle_heartbeat: 1_000 });
  const isCut = async () => ((await reads.jobs.reach()).firstVersion ?? 0) > version + 1;
  if (await persist(isCut, options)) {
    // Something has left the log meanwhile: the next turn takes it from the audit log.
    await messages.close();
    return;
  }
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
    for await (const message of messages) {
      const { subject, seq } = message;
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
  stop();
  // A reader that waits for room has to see that nobody makes any.
  arrived.length = 0;
  await messages.close();
  await receiving;
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
