/*
 * The attempts that this process may have under way, and how much of them one party may hold. A party that is at its
 * share waits, whatever is free beside it.
 *
 *   one tenant               a quarter
 *   one origin (host:port)   a quarter
 *   all slow queues together  a half
 */

const TENANT_SHARE = 0.25;
const ORIGIN_SHARE = 0.25;
const SLOW_SHARE = 0.5;

interface Holder {
  readonly tenantId: string;
  readonly origin: string;
  readonly slow: boolean;
}

/** Why a holder gets no slot: `all` are taken, or its share is. */
export type Scarcity = 'all' | 'slow' | `tenant ${string}` | `origin ${string}`;

export interface Slots {
  readonly inUse: number;
  /** What stands between a holder and one more slot; undefined if nothing does. */
  scarcityFor(holder: Holder): Scarcity | undefined;
  hasRoom(scarcity: Scarcity): boolean;
  take(holder: Holder): void;
  /** Takes slots back; returns what has become less scarce. */
  release(holder: Holder): Scarcity[];
  /** Moves a number of slots into the slow class or out of it. */
  reclassify(count: number, slow: boolean): void;
}

export function createSlots(total: number): Slots {
  const used = new Map<Scarcity, number>();
  const capOf = (scarcity: Scarcity) => {
    if (scarcity === 'all') return total;
    const share =
      scarcity === 'slow' ? SLOW_SHARE : scarcity.startsWith('tenant') ? TENANT_SHARE : ORIGIN_SHARE;
    return Math.max(1, Math.floor(total * share));
  };
  const add = (scarcity: Scarcity, count: number) => {
    const sum = (used.get(scarcity) ?? 0) + count;
    if (sum > 0) used.set(scarcity, sum);
    else used.delete(scarcity);
  };
  const partiesOf = ({ tenantId, origin, slow }: Holder): Scarcity[] => [
    'all',
    `tenant ${tenantId}`,
    `origin ${origin}`,
    ...(slow ? (['slow'] as const) : []),
  ];
  const hasRoom = (scarcity: Scarcity) => (used.get(scarcity) ?? 0) < capOf(scarcity);
  return {
    get inUse() {
      return used.get('all') ?? 0;
    },
    scarcityFor: (holder) => partiesOf(holder).find((scarcity) => !hasRoom(scarcity)),
    hasRoom,
    take(holder) {
      for (const scarcity of partiesOf(holder)) add(scarcity, 1);
    },
    release(holder) {
      const parties = partiesOf(holder);
      for (const scarcity of parties) add(scarcity, -1);
      return parties;
    },
    reclassify: (count, slow) => add('slow', slow ? count : -count),
  };
}
