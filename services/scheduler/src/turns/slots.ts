import type { ExecutorHeartbeat } from '@errand/contracts';

const FRESH_MS = 1_000;

/** How many jobs of an action its living executors run at a time, by their reports of the last second. */
export function createSlots(list: () => readonly ExecutorHeartbeat[]): (action: string) => number {
  let slots = new Map<string, number>();
  let countedAt = Number.NEGATIVE_INFINITY;
  return (action) => {
    if (performance.now() - countedAt > FRESH_MS) {
      countedAt = performance.now();
      slots = new Map();
      for (const { contracts } of list()) {
        for (const each of contracts) slots.set(each.action, (slots.get(each.action) ?? 0) + each.slots);
      }
    }
    return slots.get(action) ?? 0;
  };
}
