/** How many there are by name; those of which there are none take no memory. */
export function createCounts(): { of(name: string): number; add(name: string, by: 1 | -1): void } {
  const counts = new Map<string, number>();
  return {
    of: (name) => counts.get(name) ?? 0,
    add(name, by) {
      const count = (counts.get(name) ?? 0) + by;
      if (count === 0) counts.delete(name);
      else counts.set(name, count);
    },
  };
}
