import { endingsOf, JOBS_STREAM, type RecordedEvent } from '@errand/contracts';
import { AckPolicy, DeliverPolicy, type JetStreamManager, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { LogUnavailable } from '../errors.ts';
import { decodeEvent } from './event-codec.ts';
import { sequenceAt } from './sequence-at.ts';

interface StoredEnding {
  readonly recorded: RecordedEvent;
  /** When the log stored it, in Unix milliseconds by its server's clock. */
  readonly storedMs: number;
}

export interface EndingsReader {
  /**
   * A tenant's endings in the order of the log, as far back as the log reaches. To continue, give the version that the
   * last call ended with.
   * @throws LogUnavailable
   */
  readEndings(query: {
    tenantId: string;
    /** Only what was stored at or after this time is read; ignored once `afterVersion` is given. */
    sinceMs: number;
    afterVersion: number | null;
    max: number;
  }): Promise<{ endings: StoredEnding[]; lastVersion: number | null; atEnd: boolean }>;
}

const FETCH_MS = 5_000;
const INACTIVE_NS = 10_000_000_000;

/** Each call creates its own consumer, which the server drops by itself should the deletion get lost. */
export function createEndingsReader(nc: NatsConnection, jsm: JetStreamManager): EndingsReader {
  return {
    async readEndings({ tenantId, sinceMs, afterVersion, max }) {
      try {
        const info = await jsm.consumers.add(JOBS_STREAM, {
          ack_policy: AckPolicy.None,
          mem_storage: true,
          num_replicas: 1,
          inactive_threshold: INACTIVE_NS,
          filter_subjects: endingsOf(tenantId),
          deliver_policy: DeliverPolicy.StartSequence,
          opt_start_seq:
            afterVersion === null ? await sequenceAt(jsm, JOBS_STREAM, sinceMs) : afterVersion + 1,
        });
        const wanted = Math.min(max, info.num_pending);
        const endings: StoredEnding[] = [];
        let lastVersion: number | null = null;
        if (wanted > 0) {
          const consumer = await jetstream(nc).consumers.get(JOBS_STREAM, info.name);
          for await (const message of await consumer.fetch({ max_messages: wanted, expires: FETCH_MS })) {
            lastVersion = message.seq;
            const decoded = decodeEvent(message);
            if (decoded.kind === 'event') {
              endings.push({ recorded: decoded.recorded, storedMs: message.time.getTime() });
            }
          }
          if (lastVersion === null) throw new Error('the server announced endings and sent none');
        }
        await jsm.consumers.delete(JOBS_STREAM, info.name);
        return { endings, lastVersion, atEnd: info.num_pending <= max };
      } catch (error) {
        throw new LogUnavailable('the log did not answer', { cause: error });
      }
    },
  };
}
