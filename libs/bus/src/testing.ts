import type { ReaderPosition, Step } from './in-order/options.ts';

export { connectionOf } from './bus.ts';
export { isPlainEvent } from './read/plain-event.ts';

/** A position in memory, for tests of what reads the log in order. */
export interface MemoryPosition extends ReaderPosition {
  /** Where it is; undefined before it was begun. */
  version: number | undefined;
  /** False where the step does not begin there. */
  move(step: Step | undefined): boolean;
}

export function memoryPosition(version?: number): MemoryPosition {
  const position: MemoryPosition = {
    version,
    leaseMs: 1_000,
    async begin(first) {
      position.version ??= first;
    },
    hold: async () => position.version,
    async release() {},
    move(step) {
      if (step && step.from !== position.version) return false;
      if (step) position.version = step.to;
      return true;
    },
  };
  return position;
}
