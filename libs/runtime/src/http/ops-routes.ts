import { Hono } from 'hono';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export { Counter, Gauge, Histogram };

export interface Ops {
  /** /healthz, /readyz and /metrics. */
  readonly routes: Hono;
  readonly metrics: Registry;
}

type Check = () => boolean | Promise<boolean>;

/**
 * What an operator asks a process. /healthz: it runs. /readyz: every check holds, else 503 with the names of the failed
 * ones in `failing`; `degraded` names other abilities that it lacks. /metrics: Prometheus text.
 */
export function createOps(options: {
  service: string;
  /** Name → whether the process can do its work in this respect; asked for each time, so also of a process that is starting. */
  checks: () => Record<string, Check>;
  /** The same for abilities whose loss does not affect the rest: reported, but no reason for a 503. */
  abilities?: Record<string, Check>;
  /** Additional members of the answer of /readyz. */
  details?: () => Record<string, unknown>;
}): Ops {
  const metrics = new Registry();
  metrics.setDefaultLabels({ service: options.service });
  // Its default precision would wake an idle process a hundred times a second.
  collectDefaultMetrics({ register: metrics, eventLoopMonitoringPrecision: 1_000 });
  const routes = new Hono();
  routes.get('/healthz', (c) => c.json({ status: 'ok' }));
  routes.get('/readyz', async (c) => {
    const [failing, degraded] = await Promise.all([
      failingOf(options.checks()),
      failingOf(options.abilities),
    ]);
    const status = failing.length === 0 ? 'ready' : 'not ready';
    return c.json({ status, failing, degraded, ...options.details?.() }, failing.length ? 503 : 200);
  });
  routes.get('/metrics', async (c) =>
    c.body(await metrics.metrics(), 200, { 'content-type': metrics.contentType }),
  );
  return { routes, metrics };
}

async function failingOf(checks: Record<string, Check> = {}): Promise<string[]> {
  const names = Object.keys(checks);
  const held = await Promise.all(Object.values(checks).map(holds));
  return names.filter((_, index) => !held[index]);
}

async function holds(check: Check): Promise<boolean> {
  try {
    return await check();
  } catch {
    return false;
  }
}
