import type { WebhookEndpoint } from '@errand/contracts';
import { createAddressRules, createSecretBox, type Tracing } from '@errand/runtime';
import { type buildConnector, Pool } from 'undici';
import type { WebhooksConfig } from '../config.ts';
import { createEgress } from '../egress/connector.ts';
import { createHostResolver, createNameServerQuery, createSystemQuery } from '../egress/resolve-host.ts';
import type { OutgoingRequest } from './compose-request.ts';
import { type ExchangeLimits, exchangeOver } from './http-exchange.ts';
import type { Exchange } from './outcome.ts';
import { watchReusedSockets } from './reused-sockets.ts';
import { createSecretsOpener, type OpenedSecrets } from './secrets.ts';

/** What every call to an endpoint goes through, be it of a delivery or of a test. */
export interface Sending {
  readonly sender: Sender;
  /** How long an endpoint is left alone at most because it asks for that. */
  readonly maxRetryAfterMs: number;
  /** Undefined unless traces are wanted. */
  readonly tracing: Tracing | undefined;
  readonly openSecrets: (endpoint: WebhookEndpoint | undefined) => OpenedSecrets;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** As many as an endpoint may have attempts under way. */
const MAX_CONNECTIONS = 64;

export function createSending(config: WebhooksConfig, tracing: Tracing | undefined): Sending {
  const { allowHttp, allowCidrs, denyCidrs, dns, attemptTimeoutMs } = config;
  const connect = createEgress({
    allowHttp,
    rules: createAddressRules({ allowCidrs, denyCidrs }),
    resolve: createHostResolver(dns === 'system' ? createSystemQuery() : createNameServerQuery()),
    connectTimeoutMs: Math.min(CONNECT_TIMEOUT_MS, attemptTimeoutMs),
  });
  const sender = createSender({
    timeoutMs: attemptTimeoutMs,
    connections: MAX_CONNECTIONS,
    maxResponseBytes: config.maxResponseBytes,
    keptResponseBytes: config.keptResponseBytes,
    connect,
  });
  return {
    sender,
    tracing,
    maxRetryAfterMs: config.maxRetryAfterS * 1_000,
    openSecrets: createSecretsOpener(createSecretBox(config.secretKey, config.otherSecretKeys)),
  };
}

export interface Sender {
  /**
   * One HTTP exchange, never a redirect's second. A request that is lost since the endpoint closes an idle connection
   * at that moment is sent again, once. It does not throw; `abandoned` says that `destroy` cut it off.
   */
  send(endpointId: string, request: OutgoingRequest): Promise<Exchange | { kind: 'abandoned' }>;
  /** Cuts off what is under way and closes all connections. */
  destroy(): Promise<void>;
}

export interface SenderOptions extends ExchangeLimits {
  /** Most connections to one endpoint. */
  connections: number;
  /** Makes every connection; it decides where to. */
  connect: buildConnector.connector;
}

/** Endpoints whose connections are kept; the one that was used the longest ago makes room. */
const MAX_POOLS = 1_000;

/** Keeps one pool of connections per endpoint, so that none waits behind another's. */
export function createSender(options: SenderOptions): Sender {
  const pools = new Map<string, { origin: string; pool: Pool }>();
  const sockets = watchReusedSockets(options.connect);
  let destroyed = false;

  function poolOf(endpointId: string, origin: string): Pool {
    const known = pools.get(endpointId);
    pools.delete(endpointId);
    if (known && known.origin !== origin) closeQuietly(known.pool);
    const entry =
      known?.origin === origin
        ? known
        : { origin, pool: openPool(origin, { ...options, connect: sockets.connect }) };
    pools.set(endpointId, entry);
    const [oldest] = pools;
    if (pools.size > MAX_POOLS && oldest) {
      pools.delete(oldest[0]);
      closeQuietly(oldest[1].pool);
    }
    return entry.pool;
  }

  async function send(endpointId: string, request: OutgoingRequest) {
    const { method, url, headers, body } = request;
    if (!URL.canParse(url)) {
      const error = new TypeError('the URL cannot be parsed');
      return {
        kind: 'broken',
        status: null,
        error: Object.assign(error, { code: 'ERR_INVALID_URL' }),
      } as const;
    }
    const { origin, pathname, search } = new URL(url);
    const exchange = await exchangeOver(
      poolOf(endpointId, origin),
      { path: pathname + search, method, headers, body },
      { limits: options, sendAgain: sockets.wasClosed },
    );
    return destroyed && exchange.kind === 'broken' ? ({ kind: 'abandoned' } as const) : exchange;
  }

  return {
    send,
    async destroy() {
      destroyed = true;
      sockets.stop();
      await Promise.all([...pools.values()].map(({ pool }) => pool.destroy()));
      pools.clear();
    },
  };
}

/** After this time a connection that is in use gives way to one whose name is looked up again. */
const CONNECTION_LIFE_MS = 300_000;

function openPool(origin: string, { connections, connect }: SenderOptions): Pool {
  return new Pool(origin, {
    connections,
    pipelining: 1,
    allowH2: false,
    connect,
    clientTtl: CONNECTION_LIFE_MS,
    keepAliveTimeout: 10_000,
    keepAliveMaxTimeout: 60_000,
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: 16_384,
  });
}

/** Lets what is under way end. */
function closeQuietly(pool: Pool): void {
  pool.close().catch(() => {});
}
