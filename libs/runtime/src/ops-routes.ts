import { Hono } from 'hono';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export { Counter, Gauge, Histogram };

export interface Ops {
  /** /healthz, /readyz and /metrics. */
  readonly routes: Hono;
  readonly metrics: Registry;
}

/**
 * What an operator asks of a process. /healthz: it runs. /readyz: every check holds, else 503 with the names of
 * those that do not. /metrics: Prometheus text.
 */
export function createOps(options: {
  service: string;
  /** Name → whether the process can do its work as far as that goes. */
  checks: Record<string, () => boolean | Promise<boolean>>;
}): Ops {
  const metrics = new Registry();
  metrics.setDefaultLabels({ service: options.service });
  // Its default precision would wake an idle process a hundred times a second.
  collectDefaultMetrics({ register: metrics, eventLoopMonitoringPrecision: 100 });
  const routes = new Hono();
  routes.get('/healthz', (c) => c.json({ status: 'ok' }));
  routes.get('/readyz', async (c) => {
    const names = Object.keys(options.checks);
    const held = await Promise.all(names.map((name) => holds(options.checks[name])));
    const failing = names.filter((_, index) => !held[index]);
    return c.json(
      { status: failing.length === 0 ? 'ready' : 'not ready', failing },
      failing.length ? 503 : 200,
    );
  });
  routes.get('/metrics', async (c) =>
    c.body(await metrics.metrics(), 200, { 'content-type': metrics.contentType }),
  );
  return { routes, metrics };
}

async function holds(check: (() => boolean | Promise<boolean>) | undefined): Promise<boolean> {
  try {
    return (await check?.()) ?? false;
  } catch {
    return false;
  }
}
