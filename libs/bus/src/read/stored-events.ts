import {
  type JobEventType,
  type JobRef,
  parseStoredSubject,
  type RecordedEvent,
  storedSubject,
} from '@errand/contracts';
import type { NatsConnection } from '@nats-io/transport-node';
import { GUARD_SEQUENCE } from '../append/append.ts';
import { decodeEvent } from './event-codec.ts';

const STORED = storedSubject('');

export interface StoredEvent {
  readonly ref: JobRef;
  readonly type: JobEventType;
  readonly version: number;
  /** The version that its writer knew of: nothing was stored of the job between the two. */
  readonly follows: number;
  /** Reads its body; undefined for one that cannot be read or was not sent along. */
  decode(): RecordedEvent | undefined;
}

export interface StoredEvents {
  /**
   * Calls back for each event that the log stores from now on, if its `storedSubject` matches the filter. Events are lost
   * while the connection is down. So subscribe first, then read the job; go on with an event that follows the version
   * that is known, and read the job again for any other, and when `onGap` is called, which is after each reconnection.
   * Returns the way to stop.
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
          const { headers, data, subject } = message;
          const seq = Number(headers?.get('Nats-Sequence'));
          const decode = () => {
            const decoded = decodeEvent({ subject: subject.slice(STORED.length), seq, data });
            return decoded.kind === 'event' ? decoded.recorded : undefined;
          };
          onEvent({ ...parsed, version: seq, follows: Number(headers?.get(GUARD_SEQUENCE)), decode });
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
