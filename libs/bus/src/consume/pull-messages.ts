import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import type { ConsumerSpec } from '@errand/contracts';
import type { Delivery } from './delivery.ts';
import { assertExists, findConsumer } from './find-consumer.ts';
import { type Connection, openPulls } from './pulls.ts';
import { createRenewals } from './renewals.ts';
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
  /** How many messages may be worked on at once; a function where that changes, of which `count.wake` tells. */
  slots: number | (() => number);
  /** The work that counts against the slots. Consumers that are given the same one share it. */
  count?: WorkCount;
  /** Called with at most `slots` messages at a time, each renewed with the server until the promise settles. */
  handle: (message: Delivery) => Promise<Verdict>;
  /** Told of handlers that threw; their messages are delivered again. */
  onError: (error: unknown) => void;
  /** Stops pulling. Work in progress is left to end. */
  signal: AbortSignal;
}

const AGAIN_AFTER_ERROR_MS = 1_000;
const PAUSE_AFTER_FAILURE_MS = 100;
/** What cannot be worked on goes back with a delay; otherwise the same request would get it again. */
const NOT_NOW_MS = 250;

/**
 * Works through a consumer, pulling for free slots only: this process never holds a message that it is not working on,
 * so others can get it. Resolves once stopped and idle.
 * @throws when the consumer is gone; the process should restart, which provisions it again.
 */
export async function pullMessages(connection: Connection, options: PullOptions): Promise<void> {
  const { signal, slots, handle, onError, count = createWorkCount() } = options;
  const { stream, name, ackWaitMs } = options.consumer;
  const free = () => (typeof slots === 'number' ? slots : slots()) - count.running();
  const consumer = await findConsumer(connection.nc, { stream, name }, signal);
  if (!consumer) return;
  const running = new Set<Promise<void>>();
  const renewals = createRenewals<Delivery>((message) => message.working(), ackWaitMs);
  const workOn = async (message: Delivery) => {
    renewals.add(message);
    try {
      settle(message, await handle(message));
    } catch (error) {
      onError(error);
      settle(message, { kind: 'again', afterMs: AGAIN_AFTER_ERROR_MS });
    } finally {
      renewals.delete(message);
      count.end();
    }
  };
  const pulls = openPulls(connection, { stream, name }, (message) => {
    // A request that seemed lost may still be answered, so more may come than there are slots.
    if (signal.aborted || free() <= 0) return message.nak(NOT_NOW_MS);
    count.begin();
    const work = workOn(message).finally(() => running.delete(work));
    running.add(work);
  });
  const onAbort = () => {
    count.wake();
    pulls.stop();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    while (!signal.aborted) {
      const wanted = free();
      if (wanted <= 0) {
        await count.changed();
        // Whatever ends in the same turn is asked for at once.
        await nextTurn();
        continue;
      }
      if ((await pulls.pull(wanted)) === 'answered' || signal.aborted) continue;
      await assertExists(consumer);
      await pause(PAUSE_AFTER_FAILURE_MS);
    }
  } finally {
    await pulls.close();
    signal.removeEventListener('abort', onAbort);
    await Promise.all(running);
  }
}

function settle(message: Delivery, verdict: Verdict): void {
  if (verdict.kind === 'done') message.ack();
  else if (verdict.kind === 'again') message.nak(verdict.afterMs);
}
