import type { Bus } from '@errand/bus';
import type { NatsRole } from '@errand/contracts';
import {
  createOps,
  measureConflicts,
  type Ops,
  type ServiceContext,
  serveHttp,
  watchClock,
} from '@errand/runtime';
import { type LogConfig, openLog } from './open-log.ts';

/** What a service has if it works on the log and serves nothing but health and metrics. */
export interface Worker {
  readonly bus: Bus;
  readonly ops: Ops;
  readonly opsPort: number;
  /** Aborted when the service is to stop, by its process or by `stop`. */
  readonly stopping: AbortSignal;
  stop(): void;
  /** How far the service's clock is ahead of the log's, in milliseconds: the last measurement, or else a new one. */
  clockAheadMs(): Promise<number>;
  /**
   * Unix milliseconds by the log's clock once that was measured, whatever the service's clock does since; until then, by
   * the service's.
   */
  logNow(): number;
}

interface WorkerConfig extends LogConfig {
  readonly host: string;
  readonly opsPort: number;
  readonly shutdownGraceMs: number;
  readonly maxClockOffMs: number;
}

const UNOPENED = { nats: () => false };

/**
 * Opens the log, the ops port and the clock watch. `resources` disposes of them and stops the service, so that a start
 * that fails half-way leaves nothing running.
 */
export async function openWorker(
  resources: AsyncDisposableStack,
  options: {
    service: NatsRole;
    config: WorkerConfig;
    context: ServiceContext;
    /** Leaves streams and buckets that exist as they are. */
    keepsExisting?: boolean;
    checks: (bus: Bus) => ReturnType<Parameters<typeof createOps>[0]['checks']>;
    /** The service's clock. */
    now: () => number;
  },
): Promise<Worker> {
  const { service, config, context, now, keepsExisting = false } = options;
  const { host, opsPort: port, shutdownGraceMs: graceMs, maxClockOffMs: maxOffMs } = config;
  const { log } = context;
  const stopped = new AbortController();
  const stop = () => stopped.abort();
  resources.defer(stop);
  const stopping = AbortSignal.any([context.signal, stopped.signal]);
  // A process that waits for its log is alive, and says so.
  let opened: Bus | undefined;
  const ops = createOps({ service, checks: () => (opened ? options.checks(opened) : UNOPENED) });
  const { port: opsPort } = resources.use(await serveHttp({ fetch: ops.routes.fetch, host, port, graceMs }));
  const bus = resources.use(await openLog(service, config, { ...context, signal: stopping, keepsExisting }));
  opened = bus;
  measureConflicts(ops.metrics, bus.jobs.conflicts);
  let measured: { aheadMs: number; logMs: number; atMs: number } | undefined;
  const measure = async () => {
    const aheadMs = await bus.clockAheadMs(now);
    measured = { aheadMs, logMs: now() - aheadMs, atMs: performance.now() };
    return aheadMs;
  };
  void watchClock({ measure, maxOffMs, metrics: ops.metrics, log, signal: stopping });
  return {
    bus,
    ops,
    opsPort,
    stopping,
    stop,
    clockAheadMs: async () => measured?.aheadMs ?? measure(),
    logNow: () => (measured ? measured.logMs + performance.now() - measured.atMs : now()),
  };
}
