import { Counter, Gauge, Histogram, type Ops } from '@errand/runtime';

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics(registry: Ops['metrics']) {
  const registers = [registry];
  return {
    accepted: new Counter({
      name: 'errand_webhook_deliveries_total',
      help: 'Deliveries taken in: one for each event and endpoint',
      registers,
    }),
    ended: new Counter({
      name: 'errand_webhook_deliveries_ended_total',
      help: 'Deliveries that are over, by what became of them',
      labelNames: ['state'],
      registers,
    }),
    attempts: new Histogram({
      name: 'errand_webhook_attempt_duration_seconds',
      help: 'Attempts by outcome, and how long they took',
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
    dispatching: new Gauge({
      name: 'errand_webhook_dispatching',
      help: '1 in the process that sends, 0 in those that stand by',
      registers,
    }),
  };
}
