import { type HttpServerOptions, type Ops, serveHttp } from '@errand/runtime';
import type { App } from './app.ts';
import type { GatewayConfig } from './config.ts';
import { problemOfBrokenRequest } from './http/problem.ts';
import { createStartingAnswer, OPS_PATHS } from './service/starting-answer.ts';

interface Ports extends AsyncDisposable {
  readonly port: number;
  /** Undefined where there is none. */
  readonly opsPort: number | undefined;
  /** How many connections the port of the API has. */
  connections(): number;
}

/**
 * Listens on the port of the API and, where there is one, on the ops port. A process that waits for its log is alive, and
 * says so on both.
 */
export async function listen(options: {
  config: GatewayConfig;
  ops: Ops;
  /** Undefined until there is one. */
  app: () => App | undefined;
  /** Refuses requests of the API. Who operates it gets through. */
  refuse: NonNullable<HttpServerOptions['refuse']>;
}): Promise<Ports> {
  const { config, ops, app, refuse } = options;
  const { opsPort, adminOnOpsPort } = config;
  const limits = {
    host: config.host,
    graceMs: config.shutdownGraceMs,
    keepAliveMs: config.keepAliveMs,
    maxConnections: config.maxConnections,
    headTimeoutMs: config.bodyTimeoutMs,
    stallMs: config.answerStallMs,
    onBrokenRequest: problemOfBrokenRequest,
  };
  const starting = createStartingAnswer(ops, opsPort === undefined ? OPS_PATHS : ['/healthz', '/readyz']);
  const opsStarting = createStartingAnswer(ops, OPS_PATHS);
  const answerOps: HttpServerOptions['fetch'] = (request, wire) => {
    if (!adminOnOpsPort) return ops.routes.fetch(request);
    // Under whatever host: Prometheus asks by address.
    const isOps = OPS_PATHS.includes(new URL(request.url).pathname);
    return (isOps ? undefined : app()?.answerAdmins?.(request, wire)) ?? opsStarting(request);
  };
  await using started = new AsyncDisposableStack();
  const api = started.use(
    await serveHttp({
      ...limits,
      port: config.port,
      fetch: (request, wire) => app()?.answer(request, wire) ?? starting(request),
      refuse,
    }),
  );
  const own =
    opsPort === undefined
      ? undefined
      : started.use(await serveHttp({ ...limits, port: opsPort, fetch: answerOps }));
  // Both are there: from here on they are closed side by side, so that a stop takes no longer than with one.
  started.move();
  return {
    port: api.port,
    opsPort: own?.port,
    connections: api.connections,
    async [Symbol.asyncDispose]() {
      await Promise.all([api[Symbol.asyncDispose](), own?.[Symbol.asyncDispose]()]);
    },
  };
}
