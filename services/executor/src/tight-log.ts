import type { Bus } from '@errand/bus';
import { type JobFault, TIGHT_LOG_RATIO } from '@errand/contracts';

const LOOK_MS = 1_000;
/** What a result or a fault's details may take of a log that is tight, in bytes of JSON. */
export const TIGHT_EVENT_BYTES = 1_024;

/**
 * Whether the log has little room left, so that it is kept for starts and endings. It is looked at when somebody asks, once
 * a second at most; the answer is that of the last look, and no before the first.
 */
export function watchTightLog(bus: Pick<Bus, 'readLogFill'>): () => boolean {
  let isTight = false;
  let lookedAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (performance.now() - lookedAt > LOOK_MS) {
      lookedAt = performance.now();
      void bus.readLogFill().then(
        ({ bytes, maxBytes }) => {
          isTight = maxBytes > 0 && bytes >= maxBytes * TIGHT_LOG_RATIO;
        },
        () => {},
      );
    }
    return isTight;
  };
}

/** A fault without details that a tight log has no room for. */
export function briefFault({ details, ...fault }: JobFault): JobFault {
  const isSmall = details !== undefined && Buffer.byteLength(JSON.stringify(details)) <= TIGHT_EVENT_BYTES;
  return isSmall ? { ...fault, details } : fault;
}
