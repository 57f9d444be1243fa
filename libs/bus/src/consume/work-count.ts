/** How much is worked on at once, by one consumer or by several that share their slots. */
export interface WorkCount {
  readonly running: () => number;
  begin(): void;
  end(): void;
  /** Resolves when something has ended, or somebody is to look again for another reason. */
  changed(): Promise<void>;
  /** Makes everybody who waits look again. */
  wake(): void;
}

export function createWorkCount(): WorkCount {
  let running = 0;
  let change = Promise.withResolvers<void>();
  function wake(): void {
    change.resolve();
    change = Promise.withResolvers<void>();
  }
  return {
    running: () => running,
    begin() {
      running++;
    },
    end() {
      running--;
      wake();
    },
    changed: () => change.promise,
    wake,
  };
}
