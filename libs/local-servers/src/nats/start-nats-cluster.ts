import { join } from 'node:path';
import { freePort } from '../free-port.ts';
import { type Restartable, startRestartable } from '../restartable.ts';
import { type RunningNats, startNatsServer } from './start-nats-server.ts';
import { untilRouted } from './until-routed.ts';

export interface NatsClusterOptions {
  /** Each node keeps its store and its log in its own folder in here. */
  dir: string;
  /** An odd number, at least 3. */
  size: number;
  /** See startNatsServer. */
  syncAlways?: boolean | undefined;
  /** Additional configuration of each node. */
  more?: Readonly<Record<string, unknown>> | undefined;
}

/** One server of a cluster: kill it by `kill('SIGKILL')`, bring it back with `restart()`. */
export type NatsNode = Restartable<RunningNats>;

/**
 * Resolves to the nodes of a JetStream cluster on 127.0.0.1 once each of them knows the meta leader and is connected to
 * all others. A node restarts on its own ports and store. When one fails to start, the others are stopped.
 */
export async function startNatsCluster(options: NatsClusterOptions): Promise<NatsNode[]> {
  const peerRoutePorts = await Promise.all(Array.from({ length: options.size }, freePort));
  const starts = peerRoutePorts.map((routePort, index) => {
    const name = `n${index + 1}`;
    return startRestartable<RunningNats>((first) =>
      startNatsServer({
        storeDir: join(options.dir, name),
        logFile: join(options.dir, `${name}.log`),
        port: first?.port,
        monitorPort: first?.monitorPort,
        name,
        syncAlways: options.syncAlways,
        cluster: { name: 'errand', routePort, peerRoutePorts },
        more: options.more,
      }),
    );
  });
  const results = await Promise.allSettled(starts);
  const nodes = results.filter((result) => result.status === 'fulfilled').map((result) => result.value);
  try {
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    await untilRouted(nodes.map((node) => node.monitorUrl));
    return nodes;
  } catch (error) {
    await Promise.all(nodes.map((node) => node.stop()));
    throw error;
  }
}
