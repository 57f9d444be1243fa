import { randomUUIDv7 } from 'node:crypto';
import { openWorker } from '@errand/bootstrap';
import { PROJECTION_READER, SUMMARY_RETENTION_DAYS } from '@errand/contracts';
import {
  createDailyPartitions,
  isReachable,
  migratePatiently,
  openDatabase,
  openLogPosition,
} from '@errand/postgres';
import { Counter, createRepeats, repeat, type ServiceContext } from '@errand/runtime';
import type { ProjectionConfig } from './config.ts';
import { createDeletions } from './deletion/deletions.ts';
import { expireLost } from './live/expire-lost.ts';
import { isRefusal, onJobEvents } from './live/on-job-events.ts';
import { traceBatch } from './live/trace-batch.ts';
import { createRebuilds } from './rebuild/commands.ts';
import { settleStats } from './stats/settle-stat-rows.ts';
import { readEndpoints } from './verify/read-endpoints.ts';
import { createVerifications } from './verify/verifications.ts';

const DAY_MS = 86_400_000;

/**
 * Starts the projection: events of the log become rows of job_summary until disposed. `dayMs` is how long a day of their
 * retention is: shorter ones are for tests of what many days leave behind.
 */
export async function startProjection(
  config: ProjectionConfig,
  context: ServiceContext & { now?: () => number; dayMs?: number },
): Promise<AsyncDisposable & { opsPort: number }> {
  const { log, fail, tracing, now = Date.now, dayMs = DAY_MS } = context;
  await using resources = new AsyncDisposableStack();
  const db = openDatabase({
    url: config.databaseUrl,
    name: 'errand-projection',
    poolSize: config.databasePoolSize,
    onError: (err) => log.warn({ err }, 'postgres_connection_lost'),
  });
  resources.defer(() => db.destroy());
  let consuming = false;
  const { bus, ops, opsPort, stopping, stop, clockAheadMs } = await openWorker(resources, {
    service: 'projection',
    config,
    context,
    checks: ({ isConnected, isAnswering }) => ({
      consuming: () => consuming,
      nats: isConnected,
      log: isAnswering,
      postgres: () => isReachable(db),
    }),
    now,
  });
  const projected = new Counter({
    name: 'errand_projected_events_total',
    help: 'Events folded into job_summary',
    registers: [ops.metrics],
  });
  const unreadable = new Counter({
    name: 'errand_unreadable_events_total',
    help: 'Stored messages that are not events',
    registers: [ops.metrics],
  });

  await migratePatiently(db, {
    signal: stopping,
    onRetry: (err) => log.warn({ err }, 'migration_waits_for_postgres'),
  });
  const partitions = createDailyPartitions(db, 'job_summary', dayMs);

  const onColumnsAdded = (columns: readonly string[]) => log.warn({ columns }, 'columns_added');

  consuming = true;
  const { name: reader } = PROJECTION_READER;
  const position = openLogPosition(db, { reader, holder: `${process.pid} ${randomUUIDv7()}` });
  const projecting = bus.jobs
    .readInOrder({
      reader: PROJECTION_READER,
      position,
      fillsAnew: true,
      sinceMs: () => now() - SUMMARY_RETENTION_DAYS * DAY_MS,
      maxBatch: config.maxBatch,
      lingerMs: config.lingerMs,
      signal: stopping,
      onError: (err) => log.error({ err }, 'batch_failed'),
      onUnreadable: (event) => {
        unreadable.inc();
        log.error({ ...event }, 'unreadable_event');
      },
      refusal: (error) => (isRefusal(error) ? `Postgres refuses it: ${error.message}` : undefined),
      take: async (batch, step) => {
        const began = performance.now();
        const moving = step && position.moving(step);
        const deps = { db, partitions, nowMs: now(), moving, onColumnsAdded };
        const jobs = await traceBatch(tracing, batch, () => onJobEvents(batch, deps));
        if (jobs === undefined) return false;
        projected.inc(batch.length);
        log.debug({ events: batch.length, jobs, duration_ms: performance.now() - began }, 'events_projected');
        return true;
      },
    })
    .catch(fail);

  const dropExpired = async () => {
    const dropped = await partitions.dropBefore(now() - SUMMARY_RETENTION_DAYS * dayMs);
    if (dropped.length > 0) log.info({ dropped }, 'expired_summaries_dropped');
  };
  const settle = async () => {
    const dropped = await settleStats(db, now(), dayMs);
    if (dropped > 0) log.info({ dropped }, 'expired_statistics_dropped');
  };
  const logNow = async () => now() - (await clockAheadMs());
  const expire = async () => {
    const expired = await expireLost({ db, bus, log, now: logNow });
    if (expired > 0) log.info({ expired }, 'lost_jobs_expired');
  };

  const { databaseUrl, rebuildPage: pageSize } = config;
  const onSwapped = () => partitions.forget();
  const rebuilds = createRebuilds({
    db,
    databaseUrl,
    pageSize,
    bus,
    log,
    now,
    onSwapped,
    signal: stopping,
  });
  const deletions = createDeletions({
    db,
    databaseUrl,
    bus,
    log,
    now,
    graceMs: config.deletionGraceMs,
    signal: stopping,
  });
  const verifications = createVerifications({
    db,
    databaseUrl,
    bus,
    log,
    now,
    readEndpoints: () => readEndpoints(bus),
    maxOpenJobs: config.verifyMaxOpenJobs,
    graceMs: config.verifyGraceMs,
    secondLookMs: config.verifySecondLookMs,
    signal: stopping,
  });
  const stopAnswering = await bus.commands.answerProjection(
    { ...rebuilds.handlers, ...deletions.handlers, ...verifications.handlers },
    (err) => log.error({ err }, 'command_failed'),
  );
  resources.defer(stopAnswering);
  const every = createRepeats({ signal: stopping, log });
  const repeating = [
    every(config.retentionSweepMs, 'retention_failed', dropExpired),
    every(config.retentionSweepMs, 'statistics_not_settled', settle),
    repeat(expire, {
      everyMs: config.deadlineSweepMs,
      signal: stopping,
      onError: (err) => log.warn({ err }, 'deadline_sweep_failed'),
    }),
    every(config.rebuildLookMs, 'rebuild_look_failed', rebuilds.look),
    every(config.rebuildLookMs, 'deletion_look_failed', deletions.look),
    every(config.rebuildLookMs, 'verification_look_failed', verifications.look),
  ];

  const started = resources.move();
  return {
    opsPort,
    async [Symbol.asyncDispose]() {
      stop();
      await Promise.all([projecting, ...repeating, rebuilds.look(), deletions.look(), verifications.look()]);
      await started[Symbol.asyncDispose]();
    },
  };
}
