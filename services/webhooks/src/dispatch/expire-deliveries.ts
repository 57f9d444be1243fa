import type { DailyPartitions, Db } from '@errand/postgres';
import { createRepeats, type Logger } from '@errand/runtime';
import { expirePending } from '../delivery-rows.ts';
import type { Endpoints } from '../endpoints/directory.ts';
import { dropStates } from '../endpoints/state-rows.ts';
import type { Metrics } from '../metrics.ts';
import { dropEndedReplays } from '../replays/replay-rows.ts';
import { isJobQueue } from '../sending/target.ts';

const EXPIRY_INTERVAL_MS = 60_000;

/** Gives up overdue deliveries each minute and drops what is older than the delivery log every `everyMs`, and both at once. */
export function startExpiring(deps: {
  db: Db;
  partitions: readonly DailyPartitions[];
  endpoints: Pick<Endpoints, 'find' | 'caughtUp'>;
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
    const beforeMs = now() - deps.retentionMs;
    for (const partitions of deps.partitions) {
      const dropped = await partitions.dropBefore(beforeMs);
      if (dropped.length > 0) log.info({ dropped }, 'old_deliveries_dropped');
    }
    const replays = await dropEndedReplays(db, beforeMs);
    await deps.endpoints.caughtUp();
    const states = await dropStates(
      db,
      beforeMs,
      ({ tenantId, endpointId }) => !isJobQueue(endpointId) && !deps.endpoints.find(tenantId, endpointId),
    );
    if (replays + states > 0) log.info({ replays, states }, 'old_webhook_rows_dropped');
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
