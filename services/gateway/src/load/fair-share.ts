/** What callers have cost lately, to tell who causes an overload. Callers are told apart by their keys. */
export interface FairShare {
  add(caller: string, busyMs: number): void;
  /** Whether a caller has cost as much as the average of those who have cost anything, or more. */
  isHeavy(caller: string): boolean;
  /** Whether there are others, and a caller has cost several times as much as they have on the average. */
  dwarfsOthers(caller: string): boolean;
}

/** How many times as much. */
const DWARFS = 4;
const HALF_LIFE_MS = 1_000;
/** What is less is forgotten. */
const LEAST_MS = 0.5;
/** Those who come later share one account. */
const MAX_CALLERS = 10_000;
const OTHERS = '';

/** `now` is a clock that never goes back, in ms. */
export function createFairShare(now: () => number = () => performance.now()): FairShare {
  const costs = new Map<string, number>();
  let sum = 0;
  let agedAt = now();

  function age(): void {
    const halves = Math.floor((now() - agedAt) / HALF_LIFE_MS);
    if (halves === 0) return;
    agedAt += halves * HALF_LIFE_MS;
    sum = 0;
    for (const [caller, cost] of costs) {
      const left = cost / 2 ** halves;
      if (left < LEAST_MS) costs.delete(caller);
      else {
        costs.set(caller, left);
        sum += left;
      }
    }
  }

  return {
    add(caller, busyMs) {
      age();
      const account = costs.has(caller) || costs.size < MAX_CALLERS ? caller : OTHERS;
      costs.set(account, (costs.get(account) ?? 0) + busyMs);
      sum += busyMs;
    },
    isHeavy(caller) {
      age();
      return (costs.get(caller) ?? 0) * costs.size >= sum;
    },
    dwarfsOthers(caller) {
      age();
      const cost = costs.get(caller) ?? 0;
      const others = costs.size - Number(costs.has(caller));
      return others > 0 && cost * others > DWARFS * (sum - cost);
    },
  };
}
