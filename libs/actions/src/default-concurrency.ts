import { availableParallelism } from 'node:os';

/**
 * How many attempts of an action run at once in an executor, where its author says nothing: 16 that wait for others
 * inside the process, or one per core for those that compute, in threads or processes of their own.
 */
export function defaultConcurrency(place: 'in_process' | 'on_cores'): number {
  return place === 'in_process' ? 16 : availableParallelism();
}
