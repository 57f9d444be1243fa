import type { ActionDemand } from '@errand/contracts';
import { type Counts, createCounts } from '../turns/counts.ts';
import type { OpenJob } from './open-jobs.ts';

/*
 * What the executors of each action have to do. It is counted as jobs move on, so that to ask costs nothing per job. Instants
 * are counted by the second: the oldest is found whatever the order in which jobs leave.
 */

export interface DemandCounter {
  /** A job stands somewhere from now on, or no more. */
  count(job: Pick<OpenJob, 'ref' | 'standing' | 'readyMs' | 'wakeAt'>, by: 1 | -1): void;
  /** Of every action that has had a job. `limited` are those that limits hold back, by action. */
  read(nowMs: number, limited: ReadonlyMap<string, number>): Map<string, ActionDemand>;
}

const SECOND_MS = 1_000;
/** An executor takes some time to start. */
const SOON_MS = 60_000;

interface Tally {
  queued: number;
  held: number;
  running: number;
  /** How many queued jobs could be run since a second. */
  readonly ready: Counts<number>;
  /** How many jobs wait for a second. */
  readonly waits: Counts<number>;
}

export function createDemandCounter(): DemandCounter {
  const tallies = new Map<string, Tally>();

  function tallyOf(action: string): Tally {
    const known = tallies.get(action);
    if (known) return known;
    const tally = {
      queued: 0,
      held: 0,
      running: 0,
      ready: createCounts<number>(),
      waits: createCounts<number>(),
    };
    tallies.set(action, tally);
    return tally;
  }

  return {
    count({ ref, standing, readyMs, wakeAt }, by) {
      const tally = tallyOf(ref.action);
      if (standing === 'waiting' || standing === 'deferred') {
        tally.waits.add(secondOf(wakeAt ?? 0), by);
        return;
      }
      if (standing === 'running') {
        tally.running += by;
        return;
      }
      if (standing === 'held') tally.held += by;
      tally.queued += by;
      tally.ready.add(secondOf(readyMs), by);
    },
    read: (nowMs, limited) =>
      new Map(
        [...tallies].map(([action, tally]) => [
          action,
          { ...demandOf(tally, nowMs), limited: limited.get(action) ?? 0 },
        ]),
      ),
  };
}

function demandOf({ queued, held, running, ready, waits }: Tally, nowMs: number) {
  let oldest = secondOf(nowMs);
  for (const [second] of ready.entries()) oldest = Math.min(oldest, second);
  const last = secondOf(nowMs + SOON_MS);
  let soon = 0;
  for (const [second, jobs] of waits.entries()) if (second <= last) soon += jobs;
  const oldest_s = queued === 0 ? 0 : nowMs / SECOND_MS - oldest;
  return { queued, held, running, due_within_60s: soon, oldest_s };
}

function secondOf(ms: number): number {
  return Math.floor(ms / SECOND_MS);
}
