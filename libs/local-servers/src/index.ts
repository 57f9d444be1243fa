export { freePort, isPortFree } from './free-port.ts';
export { findNatsServer, NatsServerNotFound } from './nats/find-nats-server.ts';
export type { NatsPasswords } from './nats/nats-config.ts';
export { natsTrouble } from './nats/nats-health.ts';
export type { NatsBinary } from './nats/probe-nats-server.ts';
export { type NatsClusterOptions, type NatsNode, startNatsCluster } from './nats/start-nats-cluster.ts';
export {
  type NatsServerOptions,
  type RunningNats,
  startGuardedNatsServer,
  startNatsServer,
} from './nats/start-nats-server.ts';
export { untilRouted } from './nats/until-routed.ts';
export { ownEnv } from './own-env.ts';
export { PostgresFolderUnusable } from './postgres/postgres-data.ts';
export { type PostgresServerOptions, startPostgresServer } from './postgres/start-postgres-server.ts';
export { type Restartable, startRestartable } from './restartable.ts';
export type { RunningServer, ServerExit } from './server-process.ts';
