import { Refusal } from '../http/problem.ts';
import type { FairShare } from './fair-share.ts';

/**
 * Does the work of each caller one piece after the other. After each piece of a caller who costs several times what
 * others cost, the caller's next one waits for a multiple of the time that this one took, so that those who ask for
 * little hardly ever meet it.
 * @throws Refusal too_many_requests for a caller with too many pieces of work waiting
 */
export type Pace = <T>(caller: string, work: () => T | Promise<T>) => Promise<T>;

/** Each may hold a body in memory. */
const MAX_WAITING = 32;

/** `rest` is that multiple. */
export function createPace(share: Pick<FairShare, 'dwarfsOthers'>, rest: number): Pace {
  const queues = new Map<string, { last: Promise<void>; count: number }>();
  return async (caller, work) => {
    const queue = queues.get(caller) ?? { last: Promise.resolve(), count: 0 };
    if (queue.count > MAX_WAITING) throw new Refusal('too_many_requests');
    queues.set(caller, queue);
    const before = queue.last;
    const turn = Promise.withResolvers<void>();
    queue.last = turn.promise;
    queue.count++;
    await before;
    const began = performance.now();
    try {
      return await work();
    } finally {
      const restMs = share.dwarfsOthers(caller) ? rest * (performance.now() - began) : 0;
      setTimeout(() => {
        turn.resolve();
        if (--queue.count === 0) queues.delete(caller);
      }, restMs).unref();
    }
  };
}
