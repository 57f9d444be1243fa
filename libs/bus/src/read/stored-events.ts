import { type JobEventType, type JobRef, parseStoredSubject } from '@errand/contracts';
import type { NatsConnection } from '@nats-io/transport-node';

export interface StoredEvent {
  readonly ref: JobRef;
  readonly type: JobEventType;
  readonly version: number;
}

export interface StoredEvents {
  /**
   * Calls back for each event that the log stores from now on, if its `storedSubject` matches the filter. A hint, not a
   * record: hints are lost while the connection is down. So subscribe first, then read the job; and read it again when
   * `onGap` is called, which is after each reconnection. Returns the way to stop.
   */
  onStored(
    filter: string,
    listener: { onEvent: (stored: StoredEvent) => void; onGap: () => void },
  ): () => void;
}

/** `onReconnected` registers a callback and returns the way to remove it. */
export function createStoredEvents(
  nc: NatsConnection,
  onReconnected: (callback: () => void) => () => void,
): StoredEvents {
  return {
    onStored(filter, { onEvent, onGap }) {
      const subscription = nc.subscribe(filter, {
        callback: (error, message) => {
          const parsed = error ? undefined : parseStoredSubject(message.subject);
          if (!parsed) return;
          const version = Number(message.headers?.get('Nats-Sequence'));
          onEvent({ ...parsed, version });
        },
      });
      const forget = onReconnected(onGap);
      return () => {
        forget();
        subscription.unsubscribe();
      };
    },
  };
}
