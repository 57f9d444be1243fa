interface Reference {
  readonly to: unknown;
  /** The schema that has the `$ref`. */
  readonly holder: unknown;
}

/** References that stay at the same place in the value, by the schema that has them. */
export interface InPlaceReferences {
  add(from: unknown, reference: Reference): void;
  /** The holder of a reference that leads back to itself without end. */
  endless(): unknown;
}

export function createInPlaceReferences(): InPlaceReferences {
  const references = new Map<unknown, Reference[]>();
  const ending = new Set<unknown>();

  function endlessFrom(from: unknown, above: ReadonlySet<unknown>): unknown {
    if (ending.has(from)) return undefined;
    const here = new Set(above).add(from);
    for (const { to, holder } of references.get(from) ?? []) {
      const found = here.has(to) ? holder : endlessFrom(to, here);
      if (found !== undefined) return found;
    }
    ending.add(from);
    return undefined;
  }

  return {
    add(from, reference) {
      references.set(from, [...(references.get(from) ?? []), reference]);
    },
    endless() {
      for (const from of references.keys()) {
        const found = endlessFrom(from, new Set());
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}
