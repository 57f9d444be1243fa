/** The routes of one node to its cluster; ports are on 127.0.0.1. */
export interface NatsClusterConfig {
  name: string;
  routePort: number;
  /** The route ports of all nodes; the node's own may be among them. */
  peerRoutePorts: number[];
}

export interface NatsConfig {
  name: string;
  port: number;
  monitorPort: number;
  storeDir: string;
  /** Sync each write to disk before it is acknowledged; otherwise the server's 2 minutes apply. */
  syncAlways: boolean;
  maxPayloadBytes: number;
  /** What all streams together may grow to; what their limits add up to has to fit. Default: the server's. */
  maxFileStoreBytes?: number | undefined;
  cluster?: NatsClusterConfig | undefined;
  /** Whatever else the server is to be told, such as `authorization` or `tls`. */
  more?: Readonly<Record<string, unknown>> | undefined;
}

/** Returns the configuration file of a JetStream server on 127.0.0.1, as JSON, which its format contains. */
export function natsConfig(config: NatsConfig): string {
  const { cluster } = config;
  const settings = {
    server_name: config.name,
    listen: `127.0.0.1:${config.port}`,
    http: `127.0.0.1:${config.monitorPort}`,
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
    ...config.more,
  };
  return `${JSON.stringify(settings, null, 2)}\n`;
}
