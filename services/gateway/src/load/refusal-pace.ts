/*
 * A caller that is told to come later and does not costs the process as much as one that is served. So whoever is refused
 * more than a few times a second waits for each further refusal; callers that heed Retry-After never do.
 */

/** Refusals of a second that are told at once. */
const AT_ONCE = 20;
const SECOND_MS = 1_000;
const DELAY_MS = 250;
const MOST_CALLERS = 10_000;

/** How long a refusal is held back, in ms. `now` is a clock that never goes back. */
export function createRefusalPace(now: () => number = () => performance.now()): (caller: string) => number {
  /** When all refusals of a caller would have come, had they come at that rate. */
  const dueMs = new Map<string, number>();
  return (caller) => {
    const at = now();
    if (dueMs.size >= MOST_CALLERS) dueMs.clear();
    const due = Math.max(dueMs.get(caller) ?? 0, at) + SECOND_MS / AT_ONCE;
    if (due - at > SECOND_MS) return DELAY_MS;
    dueMs.set(caller, due);
    return 0;
  };
}
