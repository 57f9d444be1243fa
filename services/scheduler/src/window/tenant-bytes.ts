/*
 * How much of the log is whose, roughly: which events of a tenant the log still has is known by stretches, of some thousand
 * events or some megabytes, or of a hundredth of a long log.
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
/** With more, two become one. */
const MOST_STRETCHES = 256;
/** What an event takes beside its subject and its body. */
const OVERHEAD_BYTES = 200;

export function createTenantBytes(stretchEvents = STRETCH_EVENTS): TenantBytes {
  let stretches: Stretch[] = [];
  /** So many times longer are stretches, so that they stay few. */
  let length = 1;
  const all = new Map<string, number>();

  /** What the next event belongs to. */
  function newest(): Stretch {
    const last = stretches.at(-1);
    if (last && last.events < length * stretchEvents && last.allBytes < length * STRETCH_BYTES) return last;
    if (stretches.length >= MOST_STRETCHES) {
      stretches = joined(stretches);
      length *= 2;
    }
    const next = { lastVersion: 0, events: 0, allBytes: 0, bytes: new Map<string, number>() };
    stretches.push(next);
    return next;
  }

  return {
    take(tenantId, { version, bytes }) {
      const taken = bytes + OVERHEAD_BYTES;
      const stretch = newest();
      stretch.lastVersion = version;
      stretch.events++;
      stretch.allBytes += taken;
      add(stretch.bytes, tenantId, taken);
      add(all, tenantId, taken);
    },
    forgetBefore(version) {
      const left = stretches.findIndex(({ lastVersion }) => lastVersion >= version);
      const gone = left === -1 ? stretches : stretches.slice(0, left);
      stretches = left === -1 ? [] : stretches.slice(left);
      if (stretches.length < MOST_STRETCHES / 4) length = Math.max(1, length / 2);
      for (const { bytes } of gone) for (const [tenantId, count] of bytes) add(all, tenantId, -count);
    },
    of: (tenantId) => all.get(tenantId) ?? 0,
  };
}

/** Each two that follow each other as one. */
function joined(stretches: readonly Stretch[]): Stretch[] {
  const pairs: Stretch[] = [];
  for (let place = 0; place < stretches.length; place += 2) {
    const [first, second] = stretches.slice(place, place + 2);
    if (first) pairs.push(second ? joinedPair(first, second) : first);
  }
  return pairs;
}

function joinedPair(first: Stretch, second: Stretch): Stretch {
  for (const [tenantId, bytes] of second.bytes) add(first.bytes, tenantId, bytes);
  return {
    lastVersion: second.lastVersion,
    events: first.events + second.events,
    allBytes: first.allBytes + second.allBytes,
    bytes: first.bytes,
  };
}

function add(counts: Map<string, number>, key: string, by: number): void {
  const next = (counts.get(key) ?? 0) + by;
  if (next === 0) counts.delete(key);
  else counts.set(key, next);
}
