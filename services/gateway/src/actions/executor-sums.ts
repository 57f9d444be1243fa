import type { Heartbeats } from '@errand/bus';

/** How many slots the living executors of each action have, or how many of those are taken, by their own word. */
export function sumByAction(
  executors: Pick<Heartbeats, 'list'>,
  member: 'slots' | 'running',
): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { contracts } of executors.list()) {
    for (const each of contracts) sums.set(each.action, (sums.get(each.action) ?? 0) + each[member]);
  }
  return sums;
}
