import type { ActionDemand } from '@errand/contracts';
import { Counter, Gauge, Histogram, type Ops } from '@errand/runtime';
import type { WindowState } from './window/keep-window.ts';

/** Each tenant is a series. */
const BUSIEST = 10;
const NONE: ReadonlyMap<string, number> = new Map();

/** What a scheduler reports of itself; the counters are its own to move. */
export function measureScheduler(
  metrics: Ops['metrics'],
  now: {
    waiting(): number;
    held(): number;
    longestWaits(tenants: number): Map<string, number>;
    isLeading(): boolean;
    demand(): Map<string, ActionDemand>;
    overdue(): number;
    window(): WindowState;
    /** By reader, in milliseconds. */
    lags(): Promise<Map<string, number>>;
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
  gauge('errand_overdue_timers', 'Waits and deadlines of jobs that were over five seconds ago', now.overdue);
  let demand: Map<string, ActionDemand> | undefined;
  /** All gauges of a scrape ask in one turn of the event loop, and it is counted once for them. */
  function demandOfScrape(): Map<string, ActionDemand> {
    demand ??= now.demand();
    queueMicrotask(() => {
      demand = undefined;
    });
    return demand;
  }
  /** Of the scheduler that leads alone: the others count the same. */
  const ofActions = (name: string, help: string, member: keyof ActionDemand) =>
    new Gauge({
      name,
      help,
      labelNames: ['action'],
      registers,
      collect() {
        this.reset();
        if (!now.isLeading()) return;
        for (const [action, told] of demandOfScrape()) this.set({ action }, told[member]);
      },
    });
  ofActions('errand_queued_jobs', 'Jobs that wait for their turn or for an executor', 'queued');
  ofActions('errand_limited_jobs', 'Queued jobs that limits of tenants or a pause hold back', 'limited');
  ofActions('errand_running_jobs', 'Jobs of which an attempt is under way, by the log', 'running');
  ofActions(
    'errand_due_soon_jobs',
    'Jobs whose start_after or next attempt comes within a minute',
    'due_within_60s',
  );
  ofActions(
    'errand_oldest_queued_seconds',
    'For how long the oldest queued job could have been run; 0 for none',
    'oldest_s',
  );
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
  new Gauge({
    name: 'errand_reader_behind_seconds',
    help: 'Age of the oldest event of the log that a reader has not taken; 0 if it has taken all',
    labelNames: ['reader'],
    registers,
    async collect() {
      // Without the log nobody knows; other gauges are told all the same.
      const lags = now.isLeading() ? await now.lags().catch(() => NONE) : NONE;
      this.reset();
      for (const [reader, ms] of lags) this.set({ reader }, ms / 1_000);
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
