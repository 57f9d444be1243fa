/* Test-only: inputs that count how often their members are read, since work can be counted and time cannot. */

export interface Counted {
  readonly input: unknown;
  /** The number of values in it. */
  readonly values: number;
  reads(): number;
}

/** Reads are allowed up to `limit` times the number of values; then it throws. */
export function counted(json: unknown, { limit }: { limit: number }): Counted {
  let values = 0;
  let reads = 0;
  function copy(value: unknown): unknown {
    values += 1;
    if (typeof value !== 'object' || value === null) return value;
    const made: object = Array.isArray(value) ? [] : {};
    for (const [key, member] of Object.entries(value)) {
      const inner = copy(member);
      const get = () => {
        reads += 1;
        if (reads > limit * values) throw new Error(`read ${reads} times, of ${values} values`);
        return inner;
      };
      Object.defineProperty(made, key, { enumerable: true, configurable: true, get });
    }
    return made;
  }
  return { input: copy(json), values, reads: () => reads };
}
