import { JOBS_STREAM } from '@errand/contracts';
import { type JetStreamManager, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { askPatiently } from '../connect/ask-patiently.ts';
import { decodeEvent } from '../read/event-codec.ts';
import type { AuditEntry } from '../read/read-audit.ts';

/** An event whose body is read only if it is asked for. */
interface FollowedEvent {
  readonly subject: string;
  readonly version: number;
  /** Unix milliseconds. */
  readonly storedMs: number;
  /** Of its subject and its body. */
  readonly bytes: number;
  decode(): AuditEntry['decoded'];
}

export interface LogFollower {
  /**
   * Reports every event, from the log's first on, in its order and each once, and continues with new ones until the
   * signal fires. Reconnections and elections leave no gap, but for what leaves the log meanwhile. There is no filter:
   * whenever the log begins a new file, the server looks for the next event that one matches among all subjects, and
   * nobody can append meanwhile.
   * @throws when the server says that there is no such log
   */
  follow(options: {
    onEvent: (event: FollowedEvent) => void;
    /** Called when everything that the log held at the start has been reported. */
    onCaughtUp: () => void;
    /** Called when events have left the log before they were reported, as while this process was stopped. */
    onMissed?: () => void;
    signal: AbortSignal;
  }): Promise<void>;
}

const PREFETCH = 2_000;

export function createLogFollower(nc: NatsConnection, jsm: JetStreamManager): LogFollower {
  const firstVersion = async () => (await jsm.streams.info(JOBS_STREAM)).state.first_seq;
  return {
    async follow({ onEvent, onCaughtUp, onMissed, signal }) {
      const consumer = await askPatiently(
        (options) => jetstream(nc, options).consumers.get(JOBS_STREAM),
        signal,
      );
      let isBehind = (await askPatiently(() => consumer.info(), signal)).num_pending > 0;
      if (!isBehind) onCaughtUp();
      const messages = await consumer.consume({ max_messages: PREFETCH, idle_heartbeat: 1_000 });
      const stop = () => messages.stop();
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
      let last = 0;
      /** A gap behind what is still there is that of a tenant that was deleted. */
      async function noteGap(behind: number): Promise<void> {
        const first = await firstVersion().catch(() => Number.POSITIVE_INFINITY);
        if (first > behind) onMissed?.();
      }
      for await (const message of messages) {
        const { streamSequence: version, timestampNanos } = message.info;
        if (last > 0 && version > last + 1) void noteGap(last);
        last = version;
        const storedMs = Math.floor(timestampNanos / 1e6);
        const bytes = message.subject.length + message.data.length;
        onEvent({ subject: message.subject, version, storedMs, bytes, decode: () => decodeEvent(message) });
        if (!isBehind || message.info.pending > 0) continue;
        isBehind = false;
        onCaughtUp();
      }
      signal.removeEventListener('abort', stop);
    },
  };
}
