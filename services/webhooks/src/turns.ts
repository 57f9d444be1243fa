import type { Scarcity } from './slots.ts';

/** Who is next: lanes in a ring, lanes that wait for a time, and lanes that wait for a share of the slots. */
export interface Turns<L extends object> {
  /** Puts a lane at the end of the ring; one that stands in it already, or waits for a share, stays where it is. */
  enter(lane: L): void;
  /** The lane whose turn it is; undefined for an empty ring. */
  take(): L | undefined;
  /** Lets a lane enter at a time. */
  wakeAt(lane: L, timeMs: number): void;
  /** Lets those enter whose time has come. */
  wakeTimed(nowMs: number): void;
  /** No lane waits for an earlier time; infinite if none waits for any. */
  earliestMs(): number;
  park(lane: L, scarcity: Scarcity): void;
  /** Lets the lane enter that has waited longest for a share. */
  wakeParked(scarcity: Scarcity): void;
  parkedFor(lane: L): Scarcity | undefined;
  forget(lane: L): void;
}

const COMPACT_AT = 1_024;

export function createTurns<L extends object>(): Turns<L> {
  let ring: L[] = [];
  let head = 0;
  const inRing = new Set<L>();
  const timed = new Map<L, number>();
  const waiting = new Map<Scarcity, Set<L>>();
  const scarcityOf = new Map<L, Scarcity>();
  let earliestMs = Number.POSITIVE_INFINITY;

  function enter(lane: L): void {
    if (inRing.has(lane) || scarcityOf.has(lane)) return;
    inRing.add(lane);
    ring.push(lane);
  }

  function unpark(lane: L): void {
    const scarcity = scarcityOf.get(lane);
    if (!scarcity) return;
    scarcityOf.delete(lane);
    const others = waiting.get(scarcity);
    others?.delete(lane);
    if (others?.size === 0) waiting.delete(scarcity);
  }

  return {
    enter,
    take() {
      while (head < ring.length) {
        const lane = ring[head++] as L;
        if (head > COMPACT_AT && head * 2 > ring.length) {
          ring = ring.slice(head);
          head = 0;
        }
        // One that was forgotten meanwhile is passed over.
        if (inRing.delete(lane)) return lane;
      }
      return undefined;
    },
    wakeAt(lane, timeMs) {
      if (timeMs === Number.POSITIVE_INFINITY) return;
      timed.set(lane, Math.min(timed.get(lane) ?? timeMs, timeMs));
      earliestMs = Math.min(earliestMs, timeMs);
    },
    wakeTimed(nowMs) {
      if (nowMs < earliestMs) return;
      earliestMs = Number.POSITIVE_INFINITY;
      for (const [lane, timeMs] of timed) {
        if (timeMs > nowMs) earliestMs = Math.min(earliestMs, timeMs);
        else {
          timed.delete(lane);
          enter(lane);
        }
      }
    },
    earliestMs: () => earliestMs,
    park(lane, scarcity) {
      const others = waiting.get(scarcity) ?? new Set();
      others.add(lane);
      waiting.set(scarcity, others);
      scarcityOf.set(lane, scarcity);
    },
    wakeParked(scarcity) {
      const [lane] = waiting.get(scarcity) ?? [];
      if (!lane) return;
      unpark(lane);
      enter(lane);
    },
    parkedFor: (lane) => scarcityOf.get(lane),
    forget(lane) {
      unpark(lane);
      timed.delete(lane);
      inRing.delete(lane);
    },
  };
}
