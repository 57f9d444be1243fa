import { Counter, Gauge, Histogram, type Ops } from '@errand/runtime';
import type { WindowState } from './window/keep-window.ts';

/** What a scheduler reports of itself; the counters are its own to move. */
export function measureScheduler(
  metrics: Ops['metrics'],
  now: { waiting(): number; held(): number; isLeading(): boolean; window(): WindowState },
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
