/** The routes of one node to its cluster; ports are on 127.0.0.1. */
export interface NatsClusterConfig {
  name: string;
  routePort: number;
  /** The route ports of all nodes; the node's own may be among them. */
  peerRoutePorts: number[];
}

export interface NatsPasswords {
  /** Password of the user who may do everything with streams, `errand`. */
  readonly services: string;
  /** Password of the user who may ask the server for its health. */
  readonly system: string;
}

/** One more user, as the server's configuration has it. */
export interface NatsUser {
  readonly user: string;
  readonly password: string;
  readonly permissions: object;
}

export const SERVICES_USER = 'errand';
export const SYSTEM_USER = 'system';

export interface NatsConfig {
  name: string;
  port: number;
  /** Port of the HTTP monitor, which answers anybody; absent for none. */
  monitorPort?: number | undefined;
  /** Whom the server lets in. Default: anybody. */
  passwords?: NatsPasswords | undefined;
  /** Users beside those of the passwords. */
  users?: readonly NatsUser[] | undefined;
  storeDir: string;
  /** Sync each write to disk before it is acknowledged; otherwise the server's 2 minutes apply. */
  syncAlways: boolean;
  maxPayloadBytes: number;
  /** What all streams together may grow to; the sum of their limits has to fit. Default: the server's. */
  maxFileStoreBytes?: number | undefined;
  cluster?: NatsClusterConfig | undefined;
  /** Additional configuration, such as `authorization` or `tls`. */
  more?: Readonly<Record<string, unknown>> | undefined;
}

/** Returns the configuration file of a JetStream server on 127.0.0.1, as JSON, which its format contains. */
export function natsConfig(config: NatsConfig): string {
  const { cluster } = config;
  const settings = {
    server_name: config.name,
    listen: `127.0.0.1:${config.port}`,
    ...(config.monitorPort !== undefined && { http: `127.0.0.1:${config.monitorPort}` }),
    max_payload: config.maxPayloadBytes,
    jetstream: {
      store_dir: config.storeDir,
      ...(config.maxFileStoreBytes !== undefined && { max_file_store: config.maxFileStoreBytes }),
      ...(config.syncAlways && { sync_interval: 'always' }),
    },
    ...(cluster && {
      cluster: {
        name: cluster.name,
        listen: `127.0.0.1:${cluster.routePort}`,
        routes: cluster.peerRoutePorts.map((port) => `nats://127.0.0.1:${port}`),
      },
    }),
    ...(config.passwords && accessOf(config.passwords, config.users)),
    ...config.more,
  };
  return `${JSON.stringify(settings, null, 2)}\n`;
}

/** The services stay in the account that a server without passwords uses, so they find the streams that it had. */
function accessOf({ services, system }: NatsPasswords, users: readonly NatsUser[] = []) {
  return {
    authorization: { users: [{ user: SERVICES_USER, password: services }, ...users] },
    accounts: { SYS: { users: [{ user: SYSTEM_USER, password: system }] } },
    system_account: 'SYS',
  };
}
