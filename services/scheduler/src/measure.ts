import { Counter, Gauge, Histogram, type Ops } from '@errand/runtime';
import type { WindowState } from './window/keep-window.ts';

/** Each tenant is a series. */
const BUSIEST = 10;

/** What a scheduler reports of itself; the counters are its own to move. */
export function measureScheduler(
  metrics: Ops['metrics'],
  now: {
    waiting(): number;
    held(): number;
    longestWaits(tenants: number): Map<string, number>;
    isLeading(): boolean;
    window(): WindowState;
    /** By the clock of the log's server, in Unix milliseconds. */
    clockMs(): number;
  },
) {
  const registers = [metrics];
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('errand_waiting_jobs', 'Jobs that wait for a time or for their turn', now.waiting);
  gauge('errand_held_jobs', 'Jobs that wait for their turn', now.held);
  new Gauge({
    name: 'errand_longest_wait_seconds',
    help: 'For how long the first job of a tenant waits for its turn, for the ten tenants with the most jobs',
    labelNames: ['tenant_id'],
    registers,
    collect() {
      this.reset();
      for (const [tenant_id, sinceMs] of now.longestWaits(BUSIEST)) {
        this.set({ tenant_id }, Math.max(0, now.clockMs() - sinceMs) / 1_000);
      }
    },
  });
  gauge('errand_turns_leader', 'Whether this process gives jobs their turns', () => Number(now.isLeading()));
  new Gauge({
    name: 'errand_log_needed_age_seconds',
    help: 'Age of the oldest event of the log that is needed, by who needs it',
    labelNames: ['by'],
    registers,
    collect() {
      const { pin, neededAgeMs } = now.window();
      this.reset();
      this.set({ by: pin }, neededAgeMs / 1_000);
    },
  });
  return {
    moved: new Counter({
      name: 'errand_scheduled_jobs_total',
      help: 'Due jobs that a scheduler moved on, by outcome',
      labelNames: ['outcome'],
      registers,
    }),
    released: new Counter({
      name: 'errand_released_jobs_total',
      help: 'Jobs that had their turn, by this process',
      registers,
    }),
    waited: new Histogram({
      name: 'errand_job_wait_seconds',
      help: 'From when a job could begin to the begin of its attempt, by action and by its way: direct, or by its turn',
      labelNames: ['action', 'way'],
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1_800, 7_200],
      registers,
    }),
  };
}
