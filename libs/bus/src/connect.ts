import { connect, type NatsConnection, type Status } from '@nats-io/transport-node';

export interface ConnectOptions {
  /** One or more server URLs, separated by commas. */
  servers: string;
  /** Shown in the server's monitoring. */
  name: string;
  /** Told of lost and regained connections. */
  onStatus?: (status: 'disconnected' | 'reconnected' | 'error', detail: string) => void;
  /** Gives up waiting for the first connection. */
  signal?: AbortSignal;
}

export interface BusConnection {
  readonly nc: NatsConnection;
  /** Whether the server is reachable, as far as the client knows at this moment. */
  isConnected(): boolean;
  /** Calls back after each reconnection; returns the way to stop that. */
  onReconnected(callback: () => void): () => void;
}

/** A NATS connection that comes back for ever: it waits for the first connection and for every later one. */
export async function connectBus(options: ConnectOptions): Promise<BusConnection> {
  const connecting = connect({
    servers: options.servers.split(','),
    name: options.name,
    // Otherwise the client captures an Error with its stack for each request, which halves its speed.
    noAsyncTraces: true,
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    // A server that hangs is noticed after two silent pings.
    pingInterval: 5_000,
    maxPingOut: 2,
  });
  const nc = await orAbort(connecting, options.signal);
  let connected = true;
  const callbacks = new Set<() => void>();
  void (async () => {
    for await (const status of nc.status()) {
      if (status.type === 'disconnect') connected = false;
      else if (status.type === 'reconnect') {
        connected = true;
        for (const callback of callbacks) callback();
      }
      report(status, options.onStatus);
    }
  })();
  return {
    nc,
    isConnected: () => connected && !nc.isClosed(),
    onReconnected(callback) {
      callbacks.add(callback);
      return () => callbacks.delete(callback);
    },
  };
}

async function orAbort(connecting: Promise<NatsConnection>, signal?: AbortSignal): Promise<NatsConnection> {
  if (!signal) return connecting;
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([connecting, aborted.promise]);
  } catch (error) {
    // The client has no way to give up, so a connection that still comes is closed when it does.
    connecting.then((nc) => nc.close()).catch(() => {});
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function report(status: Status, onStatus: ConnectOptions['onStatus']): void {
  if (status.type === 'disconnect') onStatus?.('disconnected', status.server);
  else if (status.type === 'reconnect') onStatus?.('reconnected', status.server);
  else if (status.type === 'error') onStatus?.('error', status.error.message);
}
