import type { StatsTables } from './stats-rows.ts';

/** For the handler of statistics. */
export interface StatsGroup {
  readonly stats: {
    readonly tables: StatsTables;
    readonly now: () => number;
  };
}
