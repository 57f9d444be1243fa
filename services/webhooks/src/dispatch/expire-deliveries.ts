import type { DailyPartitions, Db } from '@errand/postgres';
import { createRepeats, type Logger } from '@errand/runtime';
import { expirePending } from '../delivery-rows.ts';
import type { Metrics } from '../metrics.ts';

const EXPIRY_INTERVAL_MS = 60_000;

/** Gives up overdue deliveries each minute and drops old partitions every `everyMs`, and both at once. */
export function startExpiring(deps: {
  db: Db;
  partitions: readonly DailyPartitions[];
  retentionMs: number;
  everyMs: number;
  now: () => number;
  log: Logger;
  metrics: Metrics;
}): AsyncDisposable {
  const { db, log, now } = deps;

  const expire = async () => {
    const deliveries = await expirePending(db, now());
    if (deliveries === 0) return;
    deps.metrics.ended.inc({ state: 'expired' }, deliveries);
    log.warn({ deliveries }, 'webhooks_expired');
  };
  const drop = async () => {
    for (const partitions of deps.partitions) {
      const dropped = await partitions.dropBefore(now() - deps.retentionMs);
      if (dropped.length > 0) log.info({ dropped }, 'old_deliveries_dropped');
    }
  };
  const stopped = new AbortController();
  const every = createRepeats({ signal: stopped.signal, log });
  const repeating = Promise.all([
    every(EXPIRY_INTERVAL_MS, 'expiry_failed', expire),
    every(deps.everyMs, 'retention_failed', drop),
  ]);
  return {
    async [Symbol.asyncDispose]() {
      stopped.abort();
      await repeating;
    },
  };
}
