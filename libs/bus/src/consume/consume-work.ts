import type { RecordedEvent } from '@errand/contracts';
import { decodeEvent, type Unreadable } from '../read/event-codec.ts';
import { consumeRedrives, parkUnreadable } from './dead-letters.ts';
import { type PullOptions, pullMessages, type Verdict } from './pull-messages.ts';
import type { Connection } from './pulls.ts';

export interface Work {
  readonly recorded: RecordedEvent;
  /** 1 for the first delivery. A higher count means that an earlier recipient may be dead, or only slow. */
  readonly deliveryCount: number;
}

export interface WorkOptions extends Omit<PullOptions, 'handle'> {
  /** Called with at most `slots` events at a time, each renewed with the server until the promise settles. */
  handle: (work: Work) => Promise<Verdict>;
  /** Told of events that cannot be read. They are parked, so that they block nothing. */
  onUnreadable: (event: Unreadable) => void;
}

/**
 * Works through a consumer of JOBS, pulling for free slots only, and through what is redriven to it. Resolves once
 * stopped and idle.
 * @throws when the consumer is gone; the process should restart, which provisions it again.
 */
export async function consumeWork(connection: Connection, options: WorkOptions): Promise<void> {
  const { handle } = options;
  await Promise.all([
    pullMessages(connection, {
      ...options,
      handle: async (message) => {
        const decoded = decodeEvent(message);
        if (decoded.kind === 'event') {
          return handle({ recorded: decoded.recorded, deliveryCount: message.deliveryCount });
        }
        options.onUnreadable(decoded);
        await parkUnreadable(connection.nc, options.consumer.name, decoded, message.data);
        return { kind: 'done' };
      },
    }),
    consumeRedrives(connection, {
      ...options,
      // It was delivered before, so its job has to be looked at first.
      handle: (recorded) => handle({ recorded, deliveryCount: 2 }),
    }),
  ]);
}
