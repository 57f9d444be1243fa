export { findNatsServer, NatsServerNotFound } from './find-nats-server.ts';
export { freePort, isPortFree } from './free-port.ts';
export type { NatsPasswords } from './nats-config.ts';
export { natsTrouble } from './nats-health.ts';
export { ownEnv } from './own-env.ts';
export { PostgresFolderUnusable } from './postgres-data.ts';
export type { NatsBinary } from './probe-nats-server.ts';
export { type Restartable, startRestartable } from './restartable.ts';
export type { RunningServer, ServerExit } from './server-process.ts';
export { type NatsClusterOptions, type NatsNode, startNatsCluster } from './start-nats-cluster.ts';
export {
  type NatsServerOptions,
  type RunningNats,
  startGuardedNatsServer,
  startNatsServer,
} from './start-nats-server.ts';
export { type PostgresServerOptions, startPostgresServer } from './start-postgres-server.ts';
