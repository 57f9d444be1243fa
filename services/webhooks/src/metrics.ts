import { Counter, Gauge, Histogram, type Ops } from '@errand/runtime';

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics(registry: Ops['metrics']) {
  const registers = [registry];
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
  };
}
