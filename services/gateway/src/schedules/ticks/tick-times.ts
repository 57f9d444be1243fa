import { createHeap } from '@errand/runtime';

/** When which key is to be looked at next. Each has one time. */
export interface TickTimes {
  set(key: string, atMs: number): void;
  delete(key: string): void;
  /** Takes out those whose time has come, at most so many. */
  take(nowMs: number, most: number): string[];
  /** Unix milliseconds; undefined: none is waited for. */
  next(): number | undefined;
}

export function createTickTimes(): TickTimes {
  const times = new Map<string, number>();
  const heap = createHeap<{ key: string; atMs: number }>((a, b) => a.atMs < b.atMs);

  /** The first one that still counts. */
  function first() {
    for (;;) {
      const item = heap.peek();
      if (!item || times.get(item.key) === item.atMs) return item;
      heap.take();
    }
  }

  return {
    set(key, atMs) {
      if (times.get(key) === atMs) return;
      times.set(key, atMs);
      heap.add({ key, atMs });
    },
    delete(key) {
      times.delete(key);
    },
    take(nowMs, most) {
      const keys: string[] = [];
      for (let item = first(); item && item.atMs <= nowMs && keys.length < most; item = first()) {
        heap.take();
        times.delete(item.key);
        keys.push(item.key);
      }
      return keys;
    },
    next: () => first()?.atMs,
  };
}
