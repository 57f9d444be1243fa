/** Finds values in memory first, and asks for those that are not there. */
export interface Lookup<T> {
  /** A promise only where memory does not know the key. It rejects as the source does. */
  find(key: string): T | undefined | Promise<T | undefined>;
}

const ABSENT_FOR_MS = 1_000;
const MAX_ABSENT = 10_000;

/**
 * A key that the source does not have either is remembered for a second, and a key that is being asked for is not
 * asked for again, so a flood of requests with a wrong key does not reach the source.
 */
export function createLookup<T>(source: {
  peek(key: string): T | undefined;
  get(key: string): Promise<T | undefined>;
}): Lookup<T> {
  /** Key → until when it counts as absent, oldest first. */
  const absent = new Map<string, number>();
  const asking = new Map<string, Promise<T | undefined>>();

  async function ask(key: string): Promise<T | undefined> {
    try {
      const value = await source.get(key);
      if (value === undefined) remember(key);
      return value;
    } finally {
      asking.delete(key);
    }
  }

  function remember(key: string): void {
    absent.delete(key);
    absent.set(key, performance.now() + ABSENT_FOR_MS);
    if (absent.size <= MAX_ABSENT) return;
    const oldest = absent.keys().next();
    if (!oldest.done) absent.delete(oldest.value);
  }

  return {
    find(key) {
      const known = source.peek(key);
      if (known !== undefined) return known;
      if ((absent.get(key) ?? 0) > performance.now()) return undefined;
      let answer = asking.get(key);
      if (!answer) {
        answer = ask(key);
        asking.set(key, answer);
      }
      return answer;
    },
  };
}
