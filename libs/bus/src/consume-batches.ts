import { ACK_WAIT_MS, JOBS_STREAM, type RecordedEvent } from '@errand/contracts';
import { type JsMsg, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { consumeRedrives, parkUnreadable } from './dead-letters.ts';
import { decodeEvent, type Unreadable } from './event-codec.ts';

export interface BatchOptions {
  /** Name of a durable consumer of JOBS. */
  consumer: string;
  /** Most events in one batch. */
  maxBatch: number;
  /** Must have made the batch durable when it resolves: the events are acknowledged then and not before. */
  handle: (batch: RecordedEvent[]) => Promise<void>;
  /** Told of events that cannot be read. They are parked, so that they block nothing. */
  onUnreadable: (event: Unreadable) => void;
  /** Told each time a batch failed. It is tried again in place, ever less often, until it succeeds. */
  onError: (error: unknown) => void;
  signal: AbortSignal;
}

const HEARTBEAT_MS = ACK_WAIT_MS / 3;
const MAX_RETRY_PAUSE_MS = 5_000;

/**
 * Handles a consumer's events in batches: whatever has arrived while the last batch was at work, so batches grow
 * with the load and an idle system waits for nothing. Resolves once stopped; an unfinished batch is delivered again.
 */
export async function consumeBatches(nc: NatsConnection, options: BatchOptions): Promise<void> {
  await Promise.all([
    consumeArriving(nc, options),
    consumeRedrives(nc, {
      ...options,
      handle: async (recorded) => {
        await options.handle([recorded]);
        return { kind: 'done' };
      },
    }),
  ]);
}

async function consumeArriving(nc: NatsConnection, options: BatchOptions): Promise<void> {
  const { signal, maxBatch } = options;
  const consumer = await jetstream(nc).consumers.get(JOBS_STREAM, options.consumer);
  const messages = await consumer.consume({ max_messages: maxBatch * 2, idle_heartbeat: 1_000 });
  const stop = () => void messages.close();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();

  const arrived: JsMsg[] = [];
  const more = createSignal();
  const room = createSignal();
  const reading = (async () => {
    for await (const message of messages) {
      arrived.push(message);
      more.notify();
      // The iterator holds the rest back, and with it the next pull.
      while (arrived.length >= maxBatch * 2 && !signal.aborted) await room.wait();
    }
  })();
  // The reader ends when stopped and also when the consumer is lost; either way nobody may wait on.
  let ended = false;
  reading
    .catch(() => {})
    .finally(() => {
      ended = true;
      more.notify();
    });

  const onAbort = () => room.notify();
  signal.addEventListener('abort', onAbort, { once: true });
  while (!signal.aborted && !(ended && arrived.length === 0)) {
    if (arrived.length === 0) {
      await more.wait();
      continue;
    }
    const batch = arrived.splice(0, maxBatch);
    room.notify();
    await handleBatch(nc, batch, options);
  }
  await reading;
  if (!signal.aborted) throw new Error(`the consumer ${options.consumer} ended`);
}

async function handleBatch(nc: NatsConnection, batch: JsMsg[], options: BatchOptions): Promise<void> {
  const readable: { message: JsMsg; recorded: RecordedEvent }[] = [];
  for (const message of batch) {
    const decoded = decodeEvent(message);
    if (decoded.kind === 'event') readable.push({ message, recorded: decoded.recorded });
    else await park(nc, message, decoded, options);
  }
  const heartbeat = setInterval(() => {
    for (const { message } of readable) message.working();
  }, HEARTBEAT_MS);
  try {
    for (let tries = 0; !options.signal.aborted; tries++) {
      try {
        await options.handle(readable.map(({ recorded }) => recorded));
        for (const { message } of readable) message.ack();
        return;
      } catch (error) {
        options.onError(error);
        await pause(Math.min(MAX_RETRY_PAUSE_MS, 100 * 2 ** tries), options.signal);
      }
    }
  } finally {
    clearInterval(heartbeat);
  }
}

async function park(
  nc: NatsConnection,
  message: JsMsg,
  event: Unreadable,
  options: BatchOptions,
): Promise<void> {
  options.onUnreadable(event);
  try {
    await parkUnreadable(nc, options.consumer, event, message.data);
    message.ack();
  } catch (error) {
    // Not parked, so not settled: it is delivered again.
    options.onError(error);
  }
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

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
