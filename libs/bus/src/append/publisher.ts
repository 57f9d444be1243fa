import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { newInbox } from '../connect/connect.ts';

/** The server's answer to one publish. */
type Ack =
  | { kind: 'stored'; sequence: number }
  | { kind: 'refused'; code: number; description: string }
  /** Nobody listens: no leader, or JetStream is not up. */
  | { kind: 'no_responders' }
  /** Nothing was heard in time. The message may or may not have been stored. */
  | { kind: 'silent' };

export interface Publisher {
  publish(subject: string, data: Uint8Array, headers: MsgHdrs): Promise<Ack>;
  close(): void;
}

interface Waiting {
  resolve(ack: Ack): void;
  deadlineMs: number;
}

const SWEEP_MS = 50;

/**
 * Publishes to a stream and resolves with the server's answer, in about a third of the client time of `js.publish`: one
 * inbox for all replies and one timer for all deadlines, instead of one of each per message.
 */
export function createPublisher(nc: NatsConnection, ackTimeoutMs: number): Publisher {
  const inbox = `${newInbox(nc)}.`;
  const waiting = new Map<string, Waiting>();
  let counter = 0;

  const settle = (id: string, ack: Ack): void => {
    const entry = waiting.get(id);
    if (!entry) return;
    waiting.delete(id);
    entry.resolve(ack);
  };

  const subscription = nc.subscribe(`${inbox}*`, {
    callback: (error, msg) => {
      if (error) return;
      settle(msg.subject.slice(inbox.length), readAck(msg.data));
    },
  });

  // Runs only while something is waiting: an idle process has nothing to wake up for.
  let sweep: NodeJS.Timeout | undefined;
  const sweepOverdue = () => {
    const now = performance.now();
    // Insertion order is deadline order, so the first entry that is not due ends the sweep.
    for (const [id, entry] of waiting) {
      if (entry.deadlineMs > now) break;
      settle(id, { kind: 'silent' });
    }
    if (waiting.size > 0) return;
    clearInterval(sweep);
    sweep = undefined;
  };

  return {
    publish(subject, data, headers) {
      const id = (counter++).toString(36);
      const { promise, resolve } = Promise.withResolvers<Ack>();
      waiting.set(id, { resolve, deadlineMs: performance.now() + ackTimeoutMs });
      sweep ??= setInterval(sweepOverdue, SWEEP_MS).unref();
      try {
        nc.publish(subject, data, { reply: inbox + id, headers });
      } catch {
        settle(id, { kind: 'no_responders' });
      }
      return promise;
    },
    close() {
      clearInterval(sweep);
      subscription.unsubscribe();
      for (const id of [...waiting.keys()]) settle(id, { kind: 'silent' });
    },
  };
}

function readAck(data: Uint8Array): Ack {
  if (data.length === 0) return { kind: 'no_responders' };
  const answer = JSON.parse(new TextDecoder().decode(data)) as {
    seq?: number;
    error?: { err_code?: number; description?: string };
  };
  if (answer.error) {
    return {
      kind: 'refused',
      code: answer.error.err_code ?? 0,
      description: answer.error.description ?? 'no description',
    };
  }
  return { kind: 'stored', sequence: answer.seq ?? 0 };
}
