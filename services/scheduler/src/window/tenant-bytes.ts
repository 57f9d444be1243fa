/*
 * How much of the log is whose, roughly: which events of a tenant the log still has is known by some thousand at a time, or
 * by some megabytes.
 */

export interface TenantBytes {
  /** Takes the events of the log in their order. */
  take(tenantId: string, event: { version: number; bytes: number }): void;
  /** What lies before a version has left the log. */
  forgetBefore(version: number): void;
  of(tenantId: string): number;
}

interface Stretch {
  lastVersion: number;
  events: number;
  allBytes: number;
  readonly bytes: Map<string, number>;
}

const STRETCH_EVENTS = 5_000;
const STRETCH_BYTES = 4_000_000;
/** What an event takes beside its subject and its body. */
const OVERHEAD_BYTES = 200;

export function createTenantBytes(stretchEvents = STRETCH_EVENTS): TenantBytes {
  let stretches: Stretch[] = [];
  const all = new Map<string, number>();

  function newest(): Stretch {
    const last = stretches.at(-1);
    if (last && last.events < stretchEvents && last.allBytes < STRETCH_BYTES) return last;
    const next = { lastVersion: 0, events: 0, allBytes: 0, bytes: new Map<string, number>() };
    stretches.push(next);
    return next;
  }

  return {
    take(tenantId, { version, bytes }) {
      const stretch = newest();
      stretch.lastVersion = version;
      stretch.events++;
      stretch.allBytes += bytes + OVERHEAD_BYTES;
      add(stretch.bytes, tenantId, bytes + OVERHEAD_BYTES);
      add(all, tenantId, bytes + OVERHEAD_BYTES);
    },
    forgetBefore(version) {
      const left = stretches.findIndex(({ lastVersion }) => lastVersion >= version);
      const gone = left === -1 ? stretches : stretches.slice(0, left);
      stretches = left === -1 ? [] : stretches.slice(left);
      for (const { bytes } of gone) for (const [tenantId, count] of bytes) add(all, tenantId, -count);
    },
    of: (tenantId) => all.get(tenantId) ?? 0,
  };
}

function add(counts: Map<string, number>, key: string, by: number): void {
  const next = (counts.get(key) ?? 0) + by;
  if (next === 0) counts.delete(key);
  else counts.set(key, next);
}
