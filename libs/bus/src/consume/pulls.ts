import type { Msg } from '@nats-io/transport-node';
import { type BusConnection, newInbox } from '../connect/connect.ts';
import { type Delivery, deliveryOf } from './delivery.ts';

/** What pull requests need of a connection. */
export type Connection = Pick<BusConnection, 'nc' | 'onReconnected'>;

export interface Pulls {
  /**
   * Asks for this many messages and resolves when all have come, or after a second, or after ten where the request before
   * brought nothing; `failed` if the server refused or was silent, or the connection was lost. One call at a time.
   */
  pull(count: number): Promise<'answered' | 'failed'>;
  /** Ends a request of ten seconds. One of a second is left to its end, so that what is on its way is received. */
  stop(): void;
  /** Resolves when everything is received that the server has sent, or if it cannot be reached. */
  close(): Promise<void>;
}

/** How long a request is open while messages come: the shortest time that the server grants. */
const BUSY_OPEN_MS = 1_000;
/** The same after a request that brought nothing. */
const IDLE_OPEN_MS = 10_000;
const OVERDUE_MS = 1_000;
const NO_MESSAGES = 404;
const TIMED_OUT = 408;

/**
 * Pull requests to a durable consumer, in a fraction of the client's own cost: one subscription for all of them instead of
 * one each, and no heartbeats.
 */
export function openPulls(
  { nc, onReconnected }: Connection,
  { stream, name }: { stream: string; name: string },
  onMessage: (delivery: Delivery) => void,
): Pulls {
  const inbox = `${newInbox(nc)}.`;
  const subject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`;
  const encoder = new TextEncoder();
  let requests = 0;
  let isIdle = false;
  let open:
    | { id: string; left: number; isLong: boolean; end(result: 'answered' | 'failed'): void }
    | undefined;

  function onReply(message: Msg): void {
    if (!message.reply) {
      onStatus(message);
      return;
    }
    isIdle = false;
    onMessage(deliveryOf(message));
    if (open && --open.left <= 0) open.end('answered');
  }

  function onStatus({ subject: to, headers }: Msg): void {
    if (to.slice(inbox.length) !== open?.id) return;
    const code = headers?.code;
    open.end(code === TIMED_OUT || code === NO_MESSAGES ? 'answered' : 'failed');
  }

  const subscription = nc.subscribe(`${inbox}*`, {
    callback: (error, message) => {
      if (!error) onReply(message);
    },
  });
  // A request that is open when the connection is lost is never answered.
  const forget = onReconnected(() => open?.end('failed'));
  return {
    pull(count) {
      const { promise, resolve } = Promise.withResolvers<'answered' | 'failed'>();
      const id = (requests++).toString(36);
      const isLong = isIdle;
      const openMs = isLong ? IDLE_OPEN_MS : BUSY_OPEN_MS;
      isIdle = true;
      const overdue = setTimeout(() => end('failed'), openMs + OVERDUE_MS);
      const end = (result: 'answered' | 'failed') => {
        clearTimeout(overdue);
        open = undefined;
        resolve(result);
      };
      open = { id, left: count, isLong, end };
      const body = encoder.encode(`{"batch":${count},"expires":${openMs * 1_000_000}}`);
      try {
        nc.publish(subject, body, { reply: inbox + id });
      } catch {
        end('failed');
      }
      return promise;
    },
    stop() {
      if (open?.isLong) open.end('answered');
    },
    async close() {
      forget();
      await subscription.drain().catch(() => {});
      open?.end('failed');
    },
  };
}
