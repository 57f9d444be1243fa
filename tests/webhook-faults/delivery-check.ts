/*
 * What must hold of every event and endpoint once all is quiet again, whatever happened to the senders:
 *
 *   - each event was received at least once by each endpoint that wants it, and by no other;
 *   - its delivery is in the table, once, and delivered; nothing else is in the table.
 */

/** An event and an endpoint, as `<event id> <endpoint id>`. */
export type Pair = string;

export function pairOf(eventId: string, endpointId: string): Pair {
  return `${eventId} ${endpointId}`;
}

interface DeliveryViolation {
  readonly kind:
    | 'not_received'
    /** The worst: the table records a request that nobody got. */
    | 'delivered_but_not_received'
    | 'received_unasked'
    | 'no_delivery'
    | 'not_delivered'
    | 'delivery_of_nothing';
  readonly detail: string;
}

export interface DeliveryCheck {
  readonly violations: readonly DeliveryViolation[];
  /** Pairs that were received more than once, and the number of extra copies. */
  readonly duplicates: ReadonlyMap<Pair, number>;
}

/** Compares the expected pairs with what endpoints received and what the table says. */
export function checkDeliveries(told: {
  readonly expected: ReadonlySet<Pair>;
  /** In any order, one for each request. */
  readonly received: readonly Pair[];
  readonly deliveries: ReadonlyMap<Pair, string>;
}): DeliveryCheck {
  const { expected, received, deliveries } = told;
  const violations: DeliveryViolation[] = [];
  const times = new Map<Pair, number>();
  for (const pair of received) times.set(pair, (times.get(pair) ?? 0) + 1);
  for (const pair of expected) {
    const state = deliveries.get(pair);
    if (!times.has(pair)) {
      const kind = state === 'delivered' ? 'delivered_but_not_received' : 'not_received';
      violations.push({ kind, detail: pair });
    }
    if (state === undefined) violations.push({ kind: 'no_delivery', detail: pair });
    else if (state !== 'delivered') violations.push({ kind: 'not_delivered', detail: `${pair} is ${state}` });
  }
  for (const pair of times.keys()) {
    if (!expected.has(pair)) violations.push({ kind: 'received_unasked', detail: pair });
  }
  for (const pair of deliveries.keys()) {
    if (!expected.has(pair)) violations.push({ kind: 'delivery_of_nothing', detail: pair });
  }
  const repeated = [...times].filter(([, count]) => count > 1);
  return { violations, duplicates: new Map(repeated.map(([pair, count]) => [pair, count - 1])) };
}
