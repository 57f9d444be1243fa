import { PAYLOADS_STREAM, payloadSubjects } from '@errand/contracts';
import type { JetStreamManager } from '@nats-io/jetstream';
import { LogUnavailable, PayloadShareUsed, PayloadsFull } from '../errors.ts';

/** How much of the store may be taken, in percent of what it may hold. */
export interface PayloadRoom {
  /** By the tenant's objects, each counted in whole chunks, and by no more than there is of all tenants. */
  readonly ofTenant: number;
  /** By all objects; default: all of it. */
  readonly ofAll?: number;
}

interface Look {
  untilMs: number;
  /** What this process has sent since. */
  sentBytes: number;
  readonly seen: Promise<{ readonly chunks: number; readonly bytes: number; readonly maxBytes: number }>;
}

const LOOK_MS = 2_000;
/** A look at many chunks costs the server more, and counts for longer. */
const MS_PER_CHUNK = 1;

/** Knows how much of the store each tenant takes, by looks that are a few seconds old and what this process has sent since. */
export function createPayloadUse(jsm: JetStreamManager, chunkBytes: number) {
  const looks = new Map<string, Look>();

  function lookAt(tenantId: string): Look {
    const nowMs = performance.now();
    const known = looks.get(tenantId);
    if (known && nowMs < known.untilMs) return known;
    for (const [id, { untilMs }] of looks) if (untilMs <= nowMs) looks.delete(id);
    const look: Look = { untilMs: nowMs + LOOK_MS, sentBytes: 0, seen: read(tenantId) };
    looks.set(tenantId, look);
    look.seen.then(
      ({ chunks }) => {
        look.untilMs += chunks * MS_PER_CHUNK;
      },
      () => {
        look.untilMs = 0;
      },
    );
    return look;
  }

  async function read(tenantId: string) {
    const filter = { subjects_filter: payloadSubjects.chunksOf(`${tenantId}.>`) };
    try {
      const { state, config } = await jsm.streams.info(PAYLOADS_STREAM, filter);
      const chunks = Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0);
      return { chunks, bytes: state.bytes, maxBytes: config.max_bytes };
    } catch (error) {
      throw new LogUnavailable('the payloads did not answer', { cause: error });
    }
  }

  return {
    /**
     * Counts another chunk of a tenant, of so many bytes.
     * @throws PayloadsFull, PayloadShareUsed if what is stored takes more than the room already; LogUnavailable
     */
    async take(tenantId: string, chunk: number, { ofTenant, ofAll = 100 }: PayloadRoom): Promise<void> {
      const look = lookAt(tenantId);
      const sent = look.sentBytes;
      look.sentBytes += chunk;
      const { chunks, bytes, maxBytes } = await look.seen;
      if (maxBytes <= 0) return;
      if (bytes + sent > (maxBytes * ofAll) / 100) throw new PayloadsFull();
      // Small objects take less than whole chunks, and together with all others' no more than there is.
      const ofOwn = Math.min(chunks * chunkBytes, bytes);
      if (ofOwn + sent > (maxBytes * ofTenant) / 100) throw new PayloadShareUsed();
    },
    /** What was counted is removed again. */
    giveBack(tenantId: string, bytes: number): void {
      const look = looks.get(tenantId);
      if (look) look.sentBytes = Math.max(0, look.sentBytes - bytes);
    },
  };
}
