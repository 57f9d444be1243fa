import { setTimeout as pause } from 'node:timers/promises';
import { type ConsumerSpec, eventSubject, type RecordedEvent } from '@errand/contracts';
import type { JsMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { decodeEvent, encodeEvent, type Unreadable } from '../read/event-codec.ts';
import { consumeRedrives, parkUnreadable } from './dead-letters.ts';
import { findConsumer } from './find-consumer.ts';

export interface BatchOptions {
  consumer: ConsumerSpec;
  /** Most events in one batch. */
  maxBatch: number;
  /**
   * Must have made the batch durable when it resolves: only then are the events acknowledged. Events that can never be
   * durable are returned with the reason; they are parked.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler that refuses nothing need not say so.
  handle: (batch: RecordedEvent[]) => Promise<readonly RefusedEvent[] | void>;
  /** Told of events that cannot be read or were refused. They are parked, so that they block nothing. */
  onUnreadable: (event: Unreadable) => void;
  /** Told of each failed batch. It is retried in place, at growing intervals, until it succeeds. */
  onError: (error: unknown) => void;
  signal: AbortSignal;
}

export interface RefusedEvent {
  readonly recorded: RecordedEvent;
  readonly reason: string;
}

const MAX_RETRY_PAUSE_MS = 5_000;

/**
 * Handles a consumer's events in batches: each is what arrived while the last one was handled, so batches grow with the
 * load and an idle system waits for nothing. Resolves once stopped; unfinished events are then given back.
 */
export async function consumeBatches(nc: NatsConnection, options: BatchOptions): Promise<void> {
  await Promise.all([
    consumeArriving(nc, options),
    consumeRedrives(nc, {
      ...options,
      handle: async (recorded) => {
        const [refused] = (await options.handle([recorded])) ?? [];
        if (refused) await parkRefused(nc, refused, options);
        return { kind: 'done' };
      },
    }),
  ]);
}

async function consumeArriving(nc: NatsConnection, options: BatchOptions): Promise<void> {
  const { signal, maxBatch } = options;
  const consumer = await findConsumer(nc, options.consumer, signal);
  if (!consumer) return;
  const messages = await consumer.consume({
    max_messages: maxBatch * 2,
    idle_heartbeat: 1_000,
    abort_on_missing_resource: true,
  });
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
  // The reader ends when stopped and also when the consumer is lost; in both cases nobody may wait on.
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
  // So another process need not wait out the ack wait.
  for (const message of arrived) message.nak();
  if (!signal.aborted) throw new Error(`the consumer ${options.consumer.name} ended`);
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
  }, options.consumer.ackWaitMs / 3);
  try {
    for (let tries = 0; !options.signal.aborted; tries++) {
      try {
        const refused = await options.handle(readable.map(({ recorded }) => recorded));
        for (const each of refused ?? []) await parkRefused(nc, each, options);
        for (const { message } of readable) message.ack();
        return;
      } catch (error) {
        options.onError(error);
        const { signal } = options;
        await pause(Math.min(MAX_RETRY_PAUSE_MS, 100 * 2 ** tries), undefined, { signal }).catch(() => {});
      }
    }
    for (const { message } of readable) message.nak();
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
    await parkUnreadable(nc, options.consumer.name, event, message.data);
    message.ack();
  } catch (error) {
    // Not parked, so not settled: it is delivered again.
    options.onError(error);
  }
}

async function parkRefused(nc: NatsConnection, refused: RefusedEvent, options: BatchOptions): Promise<void> {
  const { recorded, reason } = refused;
  const subject = eventSubject(recorded.ref, recorded.event);
  const unreadable = { kind: 'unreadable', subject, version: recorded.version, reason } as const;
  options.onUnreadable(unreadable);
  await parkUnreadable(nc, options.consumer.name, unreadable, encodeEvent(recorded.event));
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
