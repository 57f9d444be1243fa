/** How much is being worked on, by one consumer or by several that share their slots. */
export interface WorkCount {
  readonly running: () => number;
  begin(): void;
  end(): void;
  /** Resolves when something has ended, or when `wake` is called. */
  changed(): Promise<void>;
  /** Makes everybody who waits check again. */
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
