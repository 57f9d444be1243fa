import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { openWorker } from '@errand/bootstrap';
import { Counter, Histogram, type Ops, type ServiceContext } from '@errand/runtime';
import manifest from '../package.json' with { type: 'json' };
import { createCallbackKeyring } from './attempt/callback-keys.ts';
import type { ExecutorConfig } from './config.ts';
import { takeStray } from './isolation/guard-process.ts';
import { createStrayLog } from './isolation/stray-log.ts';
import { followActions } from './loading/follow-actions.ts';
import type { LoadedAction } from './loading/load-actions.ts';
import { serveWorkers } from './remote/serve-workers.ts';
import { startHeartbeat } from './serving/heartbeat.ts';
import type { ExecutorDeps } from './serving/on-job-requested.ts';
import { serveActions } from './serving/serve-actions.ts';
import { watchTightLog } from './serving/tight-log.ts';

/** How long an action's module may take to load. */
const LOAD_LIMIT_MS = 20_000;
/** What the server counts of a message beside a contract. */
const MESSAGE_MARGIN_BYTES = 1_024;

/**
 * Starts an executor of the actions that the configuration names, or of those that are given: requests of the log become
 * started and ended jobs.
 * @throws ConfigError when an action file is broken.
 */
export async function startExecutor(
  config: ExecutorConfig,
  context: ServiceContext,
  { given, now = Date.now }: { given?: readonly LoadedAction[]; now?: () => number } = {},
): Promise<AsyncDisposable & { opsPort: number }> {
  const { log, tracing, onStray } = context;
  const giveUp = new AbortController();
  giveUp.signal.addEventListener('abort', () => {
    for (const watch of deps.atWork.values()) watch?.stop('given_up');
  });
  let hasFailed = false;
  const fail = (error: unknown) => {
    hasFailed = true;
    context.fail(error);
  };
  await using resources = new AsyncDisposableStack();
  let consuming = false;
  const { bus, ops, opsPort, stopping, stop, clockAheadMs, logNow } = await openWorker(resources, {
    service: 'executor',
    config,
    // Its settings are its author's, who may know nothing of the log's.
    keepsExisting: true,
    context: { ...context, fail },
    checks: ({ isConnected, isAnswering }) => ({
      consuming: () => consuming,
      nats: isConnected,
      log: isAnswering,
    }),
    now,
  });
  await clockAheadMs();
  const metrics = createMetrics(ops);
  const strays = createStrayLog({ log, count: () => metrics.strays.inc() });
  onStray?.(takeStray(strays.report));
  const deps: ExecutorDeps = {
    bus,
    log,
    tracing,
    executorId: `${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`,
    leaseMs: config.leaseMs,
    progressIntervalMs: config.progressIntervalMs,
    isLogTight: watchTightLog(bus),
    callbacks: createCallbackKeyring(bus.commands),
    limits: config,
    atWork: new Map(),
    giveUp: giveUp.signal,
    hasFailed: () => hasFailed,
    now,
    logNow,
    random: Math.random,
    onAttemptEnded: metrics.attemptEnded,
    onStray: strays.report,
  };

  const stopAnswering = bus.commands.answerHolds(deps.executorId, {
    holds: (jobId) => deps.atWork.has(jobId),
    onTaken: (jobId) => deps.atWork.get(jobId)?.look(),
  });
  resources.defer(stopAnswering);
  const served = serveActions({ bus, deps, stopping, fail, onUnreadable: () => metrics.unreadable.inc() });
  const heartbeat = await startHeartbeat({
    bus,
    executorId: deps.executorId,
    version: manifest.version,
    contracts: served.contracts,
    now,
    log,
  });
  resources.defer(heartbeat.stop);
  const onActions = async (loaded: readonly LoadedAction[]) => {
    const { begun, withdrawn, failures } = await served.replace(loaded);
    await heartbeat.beat();
    const announced = begun.map(({ action: { contract }, file }) => {
      const { name, resource } = contract;
      return { name, path: [resource, name, 'run'].filter((part) => part !== '').join('/'), file };
    });
    const isNews = failures.length === 0 || announced.length + withdrawn.length > 0;
    if (isNews) log.info({ announced, withdrawn }, 'actions_announced');
    if (failures.length > 0) throw failures[0];
  };
  const maxContractBytes = bus.maxMessageBytes() - MESSAGE_MARGIN_BYTES;
  const follow = () =>
    followActions({
      places: config.actions,
      intervalMs: config.actionsWatchMs,
      toleratesBroken: config.actionsTolerateBroken,
      loadLimitMs: LOAD_LIMIT_MS,
      maxContractBytes,
      log,
      signal: stopping,
      onActions,
    });
  if (config.workersPort > 0) {
    const { atWork } = deps;
    const release = (jobId: string) => atWork.get(jobId)?.stop('given_up');
    const { version } = manifest;
    const workers = { version, maxContractBytes, serve: onActions, release, stopping, ops };
    resources.use(await serveWorkers(config, workers));
  } else if (given) await onActions(given);
  const followed = given || config.workersPort > 0 ? undefined : (await follow()).ended;
  consuming = true;

  const started = resources.move();
  return {
    opsPort,
    async [Symbol.asyncDispose]() {
      stop();
      const patience = setTimeout(() => giveUp.abort(), config.finishGraceMs);
      await heartbeat.stop();
      await followed;
      await served.idle();
      clearTimeout(patience);
      await started[Symbol.asyncDispose]();
    },
  };
}

function createMetrics(ops: Ops) {
  const attempts = new Histogram({
    name: 'errand_attempt_duration_seconds',
    help: 'Duration of attempts by action and outcome',
    labelNames: ['action', 'outcome'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600],
    registers: [ops.metrics],
  });
  const unreadable = new Counter({
    name: 'errand_unreadable_events_total',
    help: 'Stored messages that are not events',
    registers: [ops.metrics],
  });
  const strays = new Counter({
    name: 'errand_stray_errors_total',
    help: 'Uncaught errors charged to no running attempt',
    registers: [ops.metrics],
  });
  return {
    unreadable,
    strays,
    attemptEnded: (action: string, outcome: string, durationMs: number) =>
      attempts.observe({ action, outcome }, durationMs / 1_000),
  };
}
