import { setTimeout as pause } from 'node:timers/promises';
import {
  type ConsumerSpec,
  eventSubject,
  type JobRef,
  type RecordedEvent,
  refOfSubject,
} from '@errand/contracts';
import type { NatsConnection } from '@nats-io/transport-node';
import { decodeEvent, encodeEvent, type Unreadable } from '../read/event-codec.ts';
import { consumeRedrives, parkUnreadable } from './dead-letters.ts';
import type { Delivery } from './delivery.ts';
import { assertExists, findConsumer } from './find-consumer.ts';
import { type Connection, openPulls } from './pulls.ts';

export interface BatchOptions {
  consumer: ConsumerSpec;
  /** Most events in one batch. */
  maxBatch: number;
  /** How long more events are waited for once one has come and the batch is not full, in milliseconds; by default not at all. */
  lingerMs?: number;
  /**
   * Asked once for each batch, after its newest event has come: says which jobs are of interest. Events of others are
   * settled unread. Default: all are.
   */
  interest?: () => Promise<(ref: JobRef) => boolean>;
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
const PAUSE_AFTER_FAILURE_MS = 100;

/**
 * Handles a consumer's events in batches: each is what arrived while the last one was handled, and within `lingerMs`.
 * Batches so have a price of their own only now and then, whatever the load. Resolves once stopped; unfinished events are
 * then given back.
 */
export async function consumeBatches(connection: Connection, options: BatchOptions): Promise<void> {
  await Promise.all([
    consumeArriving(connection, options),
    consumeRedrives(connection, {
      ...options,
      handle: async (recorded) => {
        const [refused] = (await options.handle([recorded])) ?? [];
        if (refused) await parkRefused(connection.nc, refused, options);
        return { kind: 'done' };
      },
    }),
  ]);
}

async function consumeArriving(connection: Connection, options: BatchOptions): Promise<void> {
  const { maxBatch, lingerMs = 0 } = options;
  const consumer = await findConsumer(connection.nc, options.consumer, options.signal);
  if (!consumer) return;
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const arrived: Delivery[] = [];
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
  const pulls = openPulls(connection, options.consumer, (delivery) => {
    // So another process need not wait out the ack wait.
    if (signal.aborted) {
      delivery.nak();
      return;
    }
    arrived.push(delivery);
    some.notify();
    if (arrived.length >= maxBatch) stopLingering();
  });
  const onAbort = () => {
    some.notify();
    room.notify();
    stopLingering();
  };
  signal.addEventListener('abort', onAbort, { once: true });

  const pull = async () => {
    while (!signal.aborted) {
      const free = 2 * maxBatch - arrived.length;
      if (free < maxBatch) await room.wait();
      else if ((await pulls.pull(free)) === 'failed' && !signal.aborted) {
        await assertExists(consumer);
        await pause(PAUSE_AFTER_FAILURE_MS, undefined, { signal }).catch(() => {});
      }
    }
  };
  const pulling = pull().catch((error) => failed.abort(error));
  while (!signal.aborted) {
    if (arrived.length === 0) {
      await some.wait();
      continue;
    }
    if (lingerMs > 0 && arrived.length < maxBatch) await linger();
    const batch = arrived.splice(0, maxBatch);
    room.notify();
    await handleBatch(connection.nc, batch, { ...options, signal });
  }
  for (const delivery of arrived.splice(0)) delivery.nak();
  await pulls.close();
  await pulling;
  failed.signal.throwIfAborted();
}

async function handleBatch(nc: NatsConnection, batch: Delivery[], options: BatchOptions): Promise<void> {
  const held = new Set(batch);
  const renewing = setInterval(() => {
    for (const message of held) message.working();
  }, options.consumer.ackWaitMs / 3);
  try {
    const isDone = await workOn(nc, held, options);
    for (const message of held) isDone ? message.ack() : message.nak();
  } finally {
    clearInterval(renewing);
  }
}

/** Takes out what could not be parked; resolves with true once the rest may be settled, and with undefined on a stop. */
async function workOn(
  nc: NatsConnection,
  held: Set<Delivery>,
  options: BatchOptions,
): Promise<true | undefined> {
  const isOfInterest = await persist(options.interest ?? (async () => () => true), options);
  if (!isOfInterest) return undefined;
  const events: RecordedEvent[] = [];
  for (const message of held) {
    const ref = refOfSubject(message.subject);
    if (ref && !isOfInterest(ref)) continue;
    const decoded = decodeEvent(message);
    if (decoded.kind === 'event') events.push(decoded.recorded);
    else if (!(await isParked(nc, message, decoded, options))) held.delete(message);
  }
  return persist(async () => {
    const refused = events.length > 0 ? await options.handle(events) : undefined;
    for (const each of refused ?? []) await parkRefused(nc, each, options);
    return true as const;
  }, options);
}

/** Makes a call until it succeeds, at growing intervals; undefined once the signal has fired. */
async function persist<T>(
  call: () => Promise<T>,
  { signal, onError }: Pick<BatchOptions, 'signal' | 'onError'>,
): Promise<T | undefined> {
  for (let tries = 0; !signal.aborted; tries++) {
    try {
      return await call();
    } catch (error) {
      onError(error);
      await pause(Math.min(MAX_RETRY_PAUSE_MS, 100 * 2 ** tries), undefined, { signal }).catch(() => {});
    }
  }
  return undefined;
}

/** False if it could not be parked: it is not settled then, and delivered again. */
async function isParked(
  nc: NatsConnection,
  message: Delivery,
  event: Unreadable,
  options: BatchOptions,
): Promise<boolean> {
  options.onUnreadable(event);
  try {
    await parkUnreadable(nc, options.consumer.name, event, message.data);
    return true as const;
  } catch (error) {
    options.onError(error);
    return false;
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
