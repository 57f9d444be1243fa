export interface Counts<K> {
  of(name: K): number;
  add(name: K, by: 1 | -1): void;
  entries(): Iterable<[K, number]>;
}

/** How many there are by name; those of which there are none take no memory. */
export function createCounts<K = string>(): Counts<K> {
  const counts = new Map<K, number>();
  return {
    of: (name) => counts.get(name) ?? 0,
    add(name, by) {
      const count = (counts.get(name) ?? 0) + by;
      if (count === 0) counts.delete(name);
      else counts.set(name, count);
    },
    entries: () => counts.entries(),
  };
}
