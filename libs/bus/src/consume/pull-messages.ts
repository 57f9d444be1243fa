import type { ConsumerSpec } from '@errand/contracts';
import type { Consumer, JsMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { JS, jsCode } from '../errors.ts';
import { findConsumer } from './find-consumer.ts';
import { createWorkCount, type WorkCount } from './work-count.ts';

/** What becomes of a delivered message. */
export type Verdict =
  /** Settled for good. */
  | { kind: 'done' }
  /** Delivered again after a while. */
  | { kind: 'again'; afterMs: number }
  /** Another process has it by now: settling it here would settle it there. */
  | { kind: 'leave' };

/** A durable consumer, and how long a message may go without renewal. */
type Pulled = Pick<ConsumerSpec, 'stream' | 'name' | 'ackWaitMs'>;

export interface PullOptions {
  consumer: Pulled;
  /** How many messages may be worked on at once. */
  slots: number;
  /** The work that counts against the slots. Consumers that are given the same one share it. */
  count?: WorkCount;
  /** Called with at most `slots` messages at a time, each renewed with the server until the promise settles. */
  handle: (message: JsMsg) => Promise<Verdict>;
  /** Told of handlers that threw; their messages are delivered again. */
  onError: (error: unknown) => void;
  /** Stops pulling. Work in progress is left to end. */
  signal: AbortSignal;
}

const AGAIN_AFTER_ERROR_MS = 1_000;
/** The shortest time that the server grants. */
const PULL_MS = 1_000;
/** What cannot be worked on goes back with a delay; otherwise the same request would get it again. */
const NOT_NOW_MS = 250;

/**
 * Works through a consumer, pulling for free slots only: this process never holds a message that it is not working on,
 * so others can get it. Resolves once stopped and idle.
 * @throws when the consumer is gone; the process should restart, which provisions it again.
 */
export async function pullMessages(nc: NatsConnection, options: PullOptions): Promise<void> {
  const { signal, count = createWorkCount() } = options;
  const running = new Set<Promise<void>>();
  const onAbort = () => count.wake();
  signal.addEventListener('abort', onAbort, { once: true });
  const consumer = await findConsumer(nc, options.consumer, signal);
  while (consumer && !signal.aborted) {
    const free = options.slots - count.running();
    if (free <= 0) {
      await count.changed();
      continue;
    }
    await pull(consumer, free, signal, (message) => {
      // After a reconnection the client asks for the whole request again, so more may come than there are slots.
      if (signal.aborted || count.running() >= options.slots) return message.nak(NOT_NOW_MS);
      count.begin();
      const work = workOn(message, options).finally(() => {
        running.delete(work);
        count.end();
      });
      running.add(work);
    });
  }
  signal.removeEventListener('abort', onAbort);
  await Promise.all(running);
}

/**
 * One request for `count` messages, open until all have come or a second has passed. A stop lets it run out: closing a
 * request loses what is in transit, and that would come again only after the ack wait.
 */
async function pull(
  consumer: Consumer,
  count: number,
  signal: AbortSignal,
  onMessage: (message: JsMsg) => void,
): Promise<void> {
  try {
    const options = { max_messages: count, expires: PULL_MS, idle_heartbeat: PULL_MS / 2 };
    const messages = await consumer.fetch(options);
    // A request that is open when the connection is lost would never end by itself.
    const overdue = setTimeout(() => void messages.close(), 3 * PULL_MS);
    try {
      for await (const message of messages) onMessage(message);
    } finally {
      clearTimeout(overdue);
    }
  } catch (error) {
    if (jsCode(error) === JS.consumerNotFound || jsCode(error) === JS.streamNotFound) throw error;
    // A lost connection, an election, missed heartbeats: the next request finds out. Or the consumer is gone.
    if (!signal.aborted) await assertExists(consumer);
    if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function workOn(message: JsMsg, options: PullOptions): Promise<void> {
  const heartbeat = setInterval(() => message.working(), options.consumer.ackWaitMs / 3);
  try {
    settle(message, await options.handle(message));
  } catch (error) {
    options.onError(error);
    settle(message, { kind: 'again', afterMs: AGAIN_AFTER_ERROR_MS });
  } finally {
    clearInterval(heartbeat);
  }
}

function settle(message: JsMsg, verdict: Verdict): void {
  if (verdict.kind === 'done') message.ack();
  // The server cannot parse a fraction of a millisecond and would deliver at once.
  else if (verdict.kind === 'again') message.nak(Math.round(verdict.afterMs));
}

/** @throws when the server says that there is no such consumer. */
async function assertExists(consumer: Consumer): Promise<void> {
  try {
    await consumer.info();
  } catch (error) {
    if (jsCode(error) === JS.consumerNotFound || jsCode(error) === JS.streamNotFound) throw error;
  }
}
