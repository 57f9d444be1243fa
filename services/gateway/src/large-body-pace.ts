import type { FairShare } from './fair-share.ts';
import { Refusal } from './problem.ts';

/**
 * Does work that keeps the process, one piece of a caller at a time. After each of a caller who costs several times what
 * others cost, the caller's next one waits until REST times as long have passed, so that those who ask for little
 * hardly ever meet it.
 * @throws Refusal too_many_requests for a caller of whom too many wait
 */
export type Pace = <T>(caller: string, work: () => T) => Promise<T>;

const REST = 20;
/** Each holds a body in memory. */
const MAX_WAITING = 32;

export function createPace(share: Pick<FairShare, 'dwarfsOthers'>): Pace {
  const turns = new Map<string, { last: Promise<void>; count: number }>();
  return async (caller, work) => {
    const queue = turns.get(caller) ?? { last: Promise.resolve(), count: 0 };
    if (queue.count > MAX_WAITING) throw new Refusal('too_many_requests');
    turns.set(caller, queue);
    const before = queue.last;
    const turn = Promise.withResolvers<void>();
    queue.last = turn.promise;
    queue.count++;
    await before;
    const began = performance.now();
    try {
      return work();
    } finally {
      const restMs = share.dwarfsOthers(caller) ? REST * (performance.now() - began) : 0;
      setTimeout(() => {
        turn.resolve();
        if (--queue.count === 0) turns.delete(caller);
      }, restMs).unref();
    }
  };
}
