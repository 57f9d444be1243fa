import { ACK_WAIT_MS, JOBS_STREAM, type RecordedEvent } from '@errand/contracts';
import { type Consumer, type JsMsg, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { JS, jsCode } from './errors.ts';
import { decodeEvent, type Unreadable } from './event-codec.ts';

/** What is to become of a delivered event. */
export type Verdict =
  /** Settled for good. */
  | { kind: 'done' }
  /** Delivered again after a while. */
  | { kind: 'again'; afterMs: number }
  /** Another process has it by now: to settle it here would settle it there. */
  | { kind: 'leave' };

export interface Work {
  readonly recorded: RecordedEvent;
  /** 1 for the first delivery. A higher count says that whoever had it before may be dead, or only slow. */
  readonly deliveryCount: number;
}

export interface WorkOptions {
  /** Name of a durable consumer of JOBS. */
  consumer: string;
  /** How many events may be worked on at once. */
  slots: number;
  /** Called with at most `slots` events at a time, each renewed with the server until the promise settles. */
  handle: (work: Work) => Promise<Verdict>;
  /** Told of events that cannot be read; they are settled so that they block nothing. */
  onUnreadable: (event: Unreadable) => void;
  /** Told of handlers that threw; their events are delivered again. */
  onError: (error: unknown) => void;
  /** Stops pulling. What runs is left to end. */
  signal: AbortSignal;
}

const HEARTBEAT_MS = ACK_WAIT_MS / 3;
const AGAIN_AFTER_ERROR_MS = 1_000;

/**
 * Works through a consumer, pulling for free slots only: this process never holds an event that it is not working
 * on, so another one gets it. Resolves once stopped and idle.
 * @throws when the consumer is gone; the process should start anew, which provisions it again.
 */
export async function consumeWork(nc: NatsConnection, options: WorkOptions): Promise<void> {
  const { signal } = options;
  const running = new Set<Promise<void>>();
  const consumer = await jetstream(nc).consumers.get(JOBS_STREAM, options.consumer);
  while (!signal.aborted) {
    const free = options.slots - running.size;
    if (free === 0) {
      await Promise.race([...running, aborted(signal)]);
      continue;
    }
    await pull(consumer, free, signal, (message) => {
      const work = workOn(message, options).finally(() => running.delete(work));
      running.add(work);
    });
  }
  await Promise.all(running);
}

/** One request for `count` events, open until all have come or 30 s have passed. */
async function pull(
  consumer: Consumer,
  count: number,
  signal: AbortSignal,
  onMessage: (message: JsMsg) => void,
): Promise<void> {
  try {
    const messages = await consumer.fetch({ max_messages: count, expires: 30_000, idle_heartbeat: 1_000 });
    const stop = () => void messages.close();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    try {
      for await (const message of messages) {
        // What arrives during a stop goes back at once rather than after the ack wait.
        if (signal.aborted) message.nak();
        else onMessage(message);
      }
    } finally {
      signal.removeEventListener('abort', stop);
    }
  } catch (error) {
    if (jsCode(error) === JS.consumerNotFound || jsCode(error) === JS.streamNotFound) throw error;
    // A lost connection, an election, missed heartbeats: the next request finds out.
    if (!signal.aborted) await pause(100);
  }
}

async function workOn(message: JsMsg, options: WorkOptions): Promise<void> {
  const decoded = decodeEvent(message);
  if (decoded.kind === 'unreadable') {
    options.onUnreadable(decoded);
    message.term(decoded.reason);
    return;
  }
  const heartbeat = setInterval(() => message.working(), HEARTBEAT_MS);
  try {
    settle(message, await options.handle({ ...decoded, deliveryCount: message.info.deliveryCount }));
  } catch (error) {
    options.onError(error);
    settle(message, { kind: 'again', afterMs: AGAIN_AFTER_ERROR_MS });
  } finally {
    clearInterval(heartbeat);
  }
}

function settle(message: JsMsg, verdict: Verdict): void {
  if (verdict.kind === 'done') message.ack();
  // A fraction of a millisecond is unreadable to the server, which then delivers at once.
  else if (verdict.kind === 'again') message.nak(Math.round(verdict.afterMs));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
