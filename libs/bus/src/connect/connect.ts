import { setTimeout } from 'node:timers/promises';
import { inboxPrefix, type NatsRole } from '@errand/contracts';
import { NatsConnectionImpl, setTransportFactory } from '@nats-io/nats-core/internal';
import {
  type ConnectionOptions,
  createInbox,
  errors,
  type NatsConnection,
  type Status,
} from '@nats-io/transport-node';
import { nodeResolveHost } from '@nats-io/transport-node/lib/node_transport.js';
import { GatheringTransport } from './gathering-transport.ts';
import { type ServerAccess, serverAccess } from './server-access.ts';

export interface ConnectOptions {
  /** One or more server URLs, separated by commas, and the files that go with them; see serverAccess. */
  servers: string;
  access?: ServerAccess;
  /** Shown in the server's monitoring. */
  name: string;
  /** Whose permissions this connection may have: answers come where only this role may listen. Default: anybody's. */
  role?: NatsRole;
  /** Told of lost and regained connections, and of why there is no first one yet. */
  onStatus?: (status: 'unreachable' | 'disconnected' | 'reconnected' | 'error', detail: string) => void;
  /** Gives up waiting for the first connection. */
  signal?: AbortSignal;
}

export interface BusConnection {
  readonly nc: NatsConnection;
  /** Whether the server is reachable, as far as the client knows at this moment. */
  isConnected(): boolean;
  /** Calls back after each reconnection; returns the way to stop that. */
  onReconnected(callback: () => void): () => void;
  /** The same for each lost connection. */
  onDisconnected(callback: () => void): () => void;
}

const RECONNECT_PAUSE_MS = 250;

/**
 * A NATS connection that always reconnects. The first one is waited for as well; each reason why there is none yet is
 * reported once.
 * @throws Error when the server does not let this process in, or its address or files cannot be used
 */
export async function connectBus(options: ConnectOptions): Promise<BusConnection> {
  const nc = await firstConnection(options);
  let connected = true;
  const regained = createCallbacks();
  const lost = createCallbacks();
  void (async () => {
    for await (const status of nc.status()) {
      if (status.type === 'disconnect') {
        connected = false;
        lost.call();
      } else if (status.type === 'reconnect') {
        connected = true;
        regained.call();
      }
      report(status, options.onStatus);
    }
  })();
  return {
    nc,
    isConnected: () => connected && !nc.isClosed(),
    onReconnected: regained.add,
    onDisconnected: lost.add,
  };
}

/** A new subject for answers, among those that the connection may listen to. */
export function newInbox(nc: NatsConnection): string {
  return createInbox((nc as NatsConnectionImpl).options.inboxPrefix);
}

function createCallbacks() {
  const callbacks = new Set<() => void>();
  return {
    call: () => {
      for (const callback of callbacks) callback();
    },
    add: (callback: () => void) => {
      callbacks.add(callback);
      return () => void callbacks.delete(callback);
    },
  };
}

async function firstConnection(options: ConnectOptions): Promise<NatsConnection> {
  const { servers, access, name, role, onStatus, signal } = options;
  const wanted: ConnectionOptions = {
    ...(await serverAccess(servers, access)),
    name,
    inboxPrefix: role === undefined ? '_INBOX' : inboxPrefix(role),
    // Otherwise the client captures an Error with its stack for each request, which halves its speed.
    noAsyncTraces: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_PAUSE_MS,
    // A process that is refused now may be let in later: readiness reports the time between.
    ignoreAuthErrorAbort: true,
    // A server that hangs is noticed after two silent pings.
    pingInterval: 5_000,
    maxPingOut: 2,
  };
  let told: string | undefined;
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await orAbort(dial(wanted), signal);
    } catch (error) {
      if (signal?.aborted || error instanceof errors.AuthorizationError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== told) onStatus?.('unreachable', reason);
      told = reason;
    }
    await setTimeout(RECONNECT_PAUSE_MS, undefined, signal && { signal }).catch(() => {});
  }
}

/** What the client's own `connect` does, with another transport. */
function dial(wanted: ConnectionOptions): Promise<NatsConnection> {
  setTransportFactory({ factory: () => new GatheringTransport(), dnsResolveFn: nodeResolveHost });
  return NatsConnectionImpl.connect(wanted);
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
