import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Gauge, type Ops } from '../http/ops-routes.ts';

const INTERVAL_MS = 60_000;

/**
 * Measures at once and every minute how far this process's clock is from another one, until the signal fires. It
 * reports the metric `errand_clock_ahead_ms`, and logs values above a limit. What cannot be measured is left out.
 */
export async function watchClock(options: {
  /** Milliseconds, negative if this clock is behind. */
  measure: () => Promise<number>;
  /** Beyond it, in either direction, it is logged. */
  maxOffMs: number;
  metrics: Ops['metrics'];
  log: Pick<Logger, 'warn'>;
  signal: AbortSignal;
  /** Default: a minute. */
  intervalMs?: number;
}): Promise<void> {
  const { measure, maxOffMs, metrics, log, signal, intervalMs = INTERVAL_MS } = options;
  const gauge = new Gauge({
    name: 'errand_clock_ahead_ms',
    help: "How far this process's clock is ahead of the log's, in milliseconds; negative if behind",
    registers: [metrics],
  });
  while (!signal.aborted) {
    const aheadMs = await measure().catch(() => undefined);
    if (aheadMs !== undefined) {
      gauge.set(aheadMs);
      if (Math.abs(aheadMs) > maxOffMs) log.warn({ ahead_ms: aheadMs, max_ms: maxOffMs }, 'clock_differs');
    }
    await sleep(intervalMs, undefined, { signal }).catch(() => {});
  }
}
