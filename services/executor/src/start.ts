import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { type Bus, consumeDueTimers, consumeWork, openBus, provisionConsumer } from '@errand/bus';
import { executorConsumer, TIMERS_CONSUMER } from '@errand/contracts';
import { Counter, createOps, Histogram, type Ops, type ServiceContext, serveHttp } from '@errand/runtime';
import { announceActions } from './announce-actions.ts';
import { createAttemptRunner } from './attempt-runner.ts';
import type { ExecutorConfig } from './config.ts';
import { loadActions } from './load-actions.ts';
import { type ExecutorDeps, onJobRequested, type Target } from './on-job-requested.ts';
import { onTimerDue } from './on-timer-due.ts';

/** How many jobs whose wait is over are looked at at once. */
const TIMER_SLOTS = 32;

/** Starts an executor of the given modules' actions: requests of the log become started and ended jobs. */
export async function startExecutor(
  config: ExecutorConfig,
  { log, signal, fail, modules }: ServiceContext & { modules: readonly string[] },
): Promise<AsyncDisposable & { opsPort: number }> {
  const stop = new AbortController();
  const giveUp = new AbortController();
  const stopping = AbortSignal.any([signal, stop.signal]);
  await using resources = new AsyncDisposableStack();
  const targets = await loadTargets(modules);
  for (const { runner } of targets) resources.use(runner);
  const bus = resources.use(
    await openBus({
      servers: config.natsUrl,
      name: 'errand-executor',
      topology: config,
      signal: stopping,
      onStatus: (status, detail) => log.warn({ status, detail }, 'nats_connection'),
    }),
  );
  let consuming = false;
  const ops = createOps({
    service: 'executor',
    checks: { consuming: () => consuming, nats: bus.isConnected },
  });
  const { host, opsPort, shutdownGraceMs } = config;
  const http = resources.use(
    await serveHttp({ fetch: ops.routes.fetch, host, port: opsPort, graceMs: shutdownGraceMs }),
  );
  const metrics = createMetrics(ops);
  const deps: ExecutorDeps = {
    bus,
    log,
    executorId: `${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`,
    leaseMs: config.leaseMs,
    progressIntervalMs: config.progressIntervalMs,
    limits: config,
    atWork: new Set(),
    giveUp: giveUp.signal,
    now: Date.now,
    random: Math.random,
    onAttemptEnded: metrics.attemptEnded,
  };

  const stopAnswering = bus.answerHolds(deps.executorId, (jobId) => deps.atWork.has(jobId));
  resources.defer(stopAnswering);
  const consumers = targets.map(({ action }) => executorConsumer(action.contract.name, config.leaseMs));
  for (const consumer of [...consumers, TIMERS_CONSUMER]) await provisionConsumer(bus.nc, consumer);
  // Announced last: a gateway that knows the action finds somebody to run it.
  await announceActions(
    bus,
    targets.map(({ action }) => action),
  );
  const onError = (err: unknown) => log.error({ err }, 'work_failed');
  const working = Promise.all([
    ...targets.map((target) => workOn({ target, bus, deps, stopping, unreadable: metrics.unreadable })),
    consumeDueTimers(bus.nc, {
      slots: TIMER_SLOTS,
      signal: stopping,
      onError,
      handle: (ref) => onTimerDue(ref, { bus, signal: stopping }),
    }),
  ]).catch(fail);
  consuming = true;
  log.info({ actions: targets.map(({ action }) => action.contract.name) }, 'actions_announced');

  const started = resources.move();
  return {
    opsPort: http.port,
    async [Symbol.asyncDispose]() {
      stop.abort();
      const patience = setTimeout(() => giveUp.abort(), config.finishGraceMs);
      await working;
      clearTimeout(patience);
      await started[Symbol.asyncDispose]();
    },
  };
}

async function loadTargets(modules: readonly string[]): Promise<Target[]> {
  const targets: Target[] = [];
  for (const moduleUrl of modules) {
    for (const action of await loadActions(moduleUrl)) {
      targets.push({ action, runner: createAttemptRunner(action, moduleUrl) });
    }
  }
  return targets;
}

function workOn(options: {
  target: Target;
  bus: Bus;
  deps: ExecutorDeps;
  stopping: AbortSignal;
  unreadable: Counter;
}): Promise<void> {
  const { target, bus, deps, stopping, unreadable } = options;
  return consumeWork(bus.nc, {
    consumer: executorConsumer(target.action.contract.name, deps.leaseMs),
    slots: target.action.concurrency,
    signal: stopping,
    handle: (work) => onJobRequested(work, target, deps),
    onUnreadable: (event) => {
      unreadable.inc();
      deps.log.error({ ...event }, 'unreadable_event');
    },
    onError: (err) => deps.log.error({ err }, 'work_failed'),
  });
}

function createMetrics(ops: Ops) {
  const attempts = new Histogram({
    name: 'errand_attempt_duration_seconds',
    help: 'How long attempts took, by action and outcome',
    labelNames: ['action', 'outcome'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600],
    registers: [ops.metrics],
  });
  const unreadable = new Counter({
    name: 'errand_unreadable_events_total',
    help: 'Stored messages that are not events',
    registers: [ops.metrics],
  });
  return {
    unreadable,
    attemptEnded: (action: string, outcome: string, durationMs: number) =>
      attempts.observe({ action, outcome }, durationMs / 1_000),
  };
}
