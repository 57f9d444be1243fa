/** Pseudorandom numbers, reproducible by seed. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number;
  chance(probability: number): boolean;
  /** @throws for an empty list */
  pick<T>(list: readonly T[]): T;
}

/** A linear congruential generator with the constants of Knuth's MMIX; the upper 32 bits are used. */
export function createRandom(seed: number): Random {
  let state = BigInt.asUintN(64, BigInt(seed) * 2_654_435_769n + 1n);
  const next = () => {
    state = BigInt.asUintN(64, state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n);
    return Number(state >> 32n) / 2 ** 32;
  };
  const between = (from: number, to: number) => from + Math.floor(next() * (to - from + 1));
  return {
    next,
    between,
    chance: (probability) => next() < probability,
    pick(list) {
      const picked = list[between(0, list.length - 1)];
      if (picked === undefined) throw new Error('nothing to pick from');
      return picked;
    },
  };
}
