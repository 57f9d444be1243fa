import { Counter, Gauge, Histogram, type Ops } from '@errand/runtime';
import type { Backlog } from './dispatch/backlog.ts';

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics(registry: Ops['metrics']) {
  const registers = [registry];
  const labelNames = ['endpoints'] as const;
  return {
    accepted: new Counter({
      name: 'errand_webhook_deliveries_total',
      help: 'Deliveries created: one for each event and endpoint',
      registers,
    }),
    ended: new Counter({
      name: 'errand_webhook_deliveries_ended_total',
      help: 'Ended deliveries by outcome',
      labelNames: ['state'],
      registers,
    }),
    attempts: new Histogram({
      name: 'errand_webhook_attempt_duration_seconds',
      help: 'Duration of attempts by outcome',
      labelNames: ['outcome'],
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15],
      registers,
    }),
    failures: new Counter({
      name: 'errand_webhook_failed_attempts_total',
      help: 'Failed attempts by reason',
      labelNames: ['error_code'],
      registers,
    }),
    unreadable: new Counter({
      name: 'errand_unreadable_events_total',
      help: 'Stored messages that are not events',
      registers,
    }),
    shards: new Gauge({
      name: 'errand_webhook_shards',
      help: 'Shards of endpoints, of 256, held by this process',
      registers,
    }),
    underWay: new Gauge({
      name: 'errand_webhook_attempts_under_way',
      help: 'Attempts in progress in this process',
      registers,
    }),
    /** Asked for at each scrape. */
    measureBacklog(backlog: Backlog): void {
      new Gauge({
        name: 'errand_webhook_due_deliveries',
        help: 'Deliveries that are due and not sent, of endpoints of this process, by how these are; at most 10,000 of an endpoint',
        labelNames,
        registers,
        async collect() {
          // Without Postgres nobody knows; other gauges are told all the same.
          const counts = await backlog.count().catch(() => undefined);
          this.reset();
          for (const [endpoints, deliveries] of Object.entries(counts ?? {}))
            this.set({ endpoints }, deliveries);
        },
      });
      new Gauge({
        name: 'errand_webhook_oldest_due_seconds',
        help: 'For how long the oldest of them has been due; 0 for none',
        labelNames,
        registers,
        collect() {
          for (const [endpoints, ms] of Object.entries(backlog.oldestMs()))
            this.set({ endpoints }, ms / 1_000);
        },
      });
    },
  };
}
