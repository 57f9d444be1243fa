import { type buildConnector, type Dispatcher, Pool } from 'undici';
import type { OutgoingRequest } from './compose-request.ts';
import type { Exchange } from './outcome.ts';
import { watchReusedSockets } from './reused-sockets.ts';

export interface Sender {
  /**
   * One HTTP exchange, never a redirect's second. A request that is lost since the endpoint closes an idle connection
   * at that moment is sent again, once. It does not throw; `abandoned` says that `destroy` cut it off.
   */
  send(endpointId: string, request: OutgoingRequest): Promise<Exchange | { kind: 'abandoned' }>;
  /** Cuts off what is under way and closes all connections. */
  destroy(): Promise<void>;
}

export interface SenderOptions {
  /** For connecting, sending and reading the whole answer. */
  timeoutMs: number;
  /** Beyond this much of an answer's body the connection is dropped; its status counts all the same. */
  maxResponseBytes: number;
  /** How much of the body is handed on. */
  keptResponseBytes: number;
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
    let status: number | null = null;
    const limits = limitExchange(options.timeoutMs);
    try {
      const { origin, pathname, search } = new URL(request.url);
      const { method, headers, body } = request;
      const pool = poolOf(endpointId, origin);
      const { signal, onInfo } = limits;
      const call = () => pool.request({ path: pathname + search, method, headers, body, signal, onInfo });
      const called = call().catch((error: unknown) => {
        if (!sockets.wasClosed(error)) throw error;
        return call();
      });
      const answer = await orAborted(called, signal);
      status = answer.statusCode;
      const retryAfter = answer.headers['retry-after'];
      const response = await readCapped(answer.body, options);
      return { kind: 'answered', status, response, retryAfter: single(retryAfter) } as const;
    } catch (error) {
      return destroyed ? ({ kind: 'abandoned' } as const) : ({ kind: 'broken', status, error } as const);
    } finally {
      limits.clear();
    }
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

/** Informational answers (1xx) that an endpoint may send before its answer. */
const MAX_CHATTER = 16;

/**
 * Ends an exchange at its deadline, and one with an endpoint that sends informational answers without end. undici's own
 * limits are for silence; an endpoint that drips would never reach them. One controller that its timer holds on to: a
 * signal composed of others may be collected, and then never fires.
 */
function limitExchange(timeoutMs: number) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new DOMException('', 'TimeoutError')), timeoutMs);
  let heard = 0;
  return {
    signal: controller.signal,
    onInfo() {
      heard++;
      if (heard <= MAX_CHATTER) return;
      const error = new Error('the endpoint sends informational answers only');
      controller.abort(Object.assign(error, { code: 'HPE_TOO_MANY_INFORMATIONAL' }));
    },
    clear: () => clearTimeout(timer),
  };
}

/** undici heeds a signal only once it has a connection, so what waits for one ends by this. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
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

/** Reads a body to its end or beyond `maxResponseBytes`, and returns its beginning as text. */
async function readCapped(
  body: Dispatcher.ResponseData['body'],
  limits: { maxResponseBytes: number; keptResponseBytes: number },
): Promise<string> {
  const kept: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    if (bytes < limits.keptResponseBytes) kept.push(chunk.subarray(0, limits.keptResponseBytes - bytes));
    bytes += chunk.length;
    // Leaving the loop destroys the body, and with it the connection.
    if (bytes > limits.maxResponseBytes) break;
  }
  // Postgres' text holds any character but NUL.
  return Buffer.concat(kept).toString('utf8').replaceAll('\0', '\uFFFD');
}

function single(header: string | string[] | undefined): string | null {
  return (Array.isArray(header) ? header[0] : header) ?? null;
}

/** Lets what is under way end. */
function closeQuietly(pool: Pool): void {
  pool.close().catch(() => {});
}
