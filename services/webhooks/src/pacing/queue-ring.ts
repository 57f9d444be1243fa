import type { Scarcity } from './slots.ts';

/** Who is next: queues in a ring, queues that wait for a time, and queues that wait for a share of the slots. */
export interface QueueRing<L extends object> {
  /** Puts a queue at the end of the ring; one that stands in it already, or waits for a share, stays where it is. */
  enter(queue: L): void;
  /** The queue whose turn it is; undefined for an empty ring. */
  take(): L | undefined;
  /** Lets a queue enter at a time. */
  wakeAt(queue: L, timeMs: number): void;
  /** Lets those enter whose time has come. */
  wakeTimed(nowMs: number): void;
  /** No queue waits for an earlier time; infinite if none waits for any. */
  earliestMs(): number;
  park(queue: L, scarcity: Scarcity): void;
  /** Lets the queue enter that has waited longest for a share. */
  wakeParked(scarcity: Scarcity): void;
  parkedFor(queue: L): Scarcity | undefined;
  forget(queue: L): void;
}

const COMPACT_AT = 1_024;

export function createQueueRing<L extends object>(): QueueRing<L> {
  let ring: L[] = [];
  let head = 0;
  const inRing = new Set<L>();
  const timed = new Map<L, number>();
  const waiting = new Map<Scarcity, Set<L>>();
  const scarcityOf = new Map<L, Scarcity>();
  let earliestMs = Number.POSITIVE_INFINITY;

  function enter(queue: L): void {
    if (inRing.has(queue) || scarcityOf.has(queue)) return;
    inRing.add(queue);
    ring.push(queue);
  }

  function unpark(queue: L): void {
    const scarcity = scarcityOf.get(queue);
    if (!scarcity) return;
    scarcityOf.delete(queue);
    const others = waiting.get(scarcity);
    others?.delete(queue);
    if (others?.size === 0) waiting.delete(scarcity);
  }

  return {
    enter,
    take() {
      while (head < ring.length) {
        const queue = ring[head++] as L;
        if (head > COMPACT_AT && head * 2 > ring.length) {
          ring = ring.slice(head);
          head = 0;
        }
        // One that was forgotten meanwhile is passed over.
        if (inRing.delete(queue)) return queue;
      }
      return undefined;
    },
    wakeAt(queue, timeMs) {
      if (timeMs === Number.POSITIVE_INFINITY) return;
      timed.set(queue, Math.min(timed.get(queue) ?? timeMs, timeMs));
      earliestMs = Math.min(earliestMs, timeMs);
    },
    wakeTimed(nowMs) {
      if (nowMs < earliestMs) return;
      earliestMs = Number.POSITIVE_INFINITY;
      for (const [queue, timeMs] of timed) {
        if (timeMs > nowMs) earliestMs = Math.min(earliestMs, timeMs);
        else {
          timed.delete(queue);
          enter(queue);
        }
      }
    },
    earliestMs: () => earliestMs,
    park(queue, scarcity) {
      const others = waiting.get(scarcity) ?? new Set();
      others.add(queue);
      waiting.set(scarcity, others);
      scarcityOf.set(queue, scarcity);
    },
    wakeParked(scarcity) {
      const [queue] = waiting.get(scarcity) ?? [];
      if (!queue) return;
      unpark(queue);
      enter(queue);
    },
    parkedFor: (queue) => scarcityOf.get(queue),
    forget(queue) {
      unpark(queue);
      timed.delete(queue);
      inRing.delete(queue);
    },
  };
}
