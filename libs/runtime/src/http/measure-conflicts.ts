import { Counter, type Ops } from './ops-routes.ts';

/** Reports how many appends of this process another writer was faster than, as it is counted elsewhere. */
export function measureConflicts(metrics: Ops['metrics'], count: () => number): void {
  new Counter({
    name: 'errand_append_conflicts_total',
    help: 'Appends that wrote nothing, since another writer was faster',
    registers: [metrics],
    collect() {
      this.reset();
      this.inc(count());
    },
  });
}
