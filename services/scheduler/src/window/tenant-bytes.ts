/*
 * How much of the log is whose, roughly: which events of a tenant the log still has is known by stretches, of some thousand
 * events or of a hundredth of the log.
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
  readonly bytes: Map<string, number>;
}

const STRETCH_EVENTS = 5_000;
/** With more, two become one. */
const MOST_STRETCHES = 256;
/** What an event takes beside its subject and its body. */
const OVERHEAD_BYTES = 200;

export function createTenantBytes(stretchEvents = STRETCH_EVENTS): TenantBytes {
  let stretches: Stretch[] = [];
  let most = stretchEvents;
  const all = new Map<string, number>();

  function newest(): Stretch {
    const last = stretches.at(-1);
    if (last && last.events < most) return last;
    if (stretches.length >= MOST_STRETCHES) {
      stretches = joined(stretches);
      most *= 2;
    }
    const next = { lastVersion: 0, events: 0, bytes: new Map<string, number>() };
    stretches.push(next);
    return next;
  }

  return {
    take(tenantId, { version, bytes }) {
      const stretch = newest();
      stretch.lastVersion = version;
      stretch.events++;
      add(stretch.bytes, tenantId, bytes + OVERHEAD_BYTES);
      add(all, tenantId, bytes + OVERHEAD_BYTES);
    },
    forgetBefore(version) {
      const left = stretches.findIndex(({ lastVersion }) => lastVersion >= version);
      const gone = left === -1 ? stretches : stretches.slice(0, left);
      stretches = left === -1 ? [] : stretches.slice(left);
      if (stretches.length < MOST_STRETCHES / 4) most = Math.max(stretchEvents, most / 2);
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
    if (!first) break;
    for (const [tenantId, bytes] of second?.bytes ?? []) add(first.bytes, tenantId, bytes);
    const { lastVersion, events } = second ?? { lastVersion: first.lastVersion, events: 0 };
    pairs.push({ ...first, lastVersion, events: first.events + events });
  }
  return pairs;
}

function add(counts: Map<string, number>, key: string, by: number): void {
  const next = (counts.get(key) ?? 0) + by;
  if (next === 0) counts.delete(key);
  else counts.set(key, next);
}
