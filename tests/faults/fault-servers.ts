import { setTimeout as sleep } from 'node:timers/promises';
import { openBus } from '@errand/bus';
import type { TopologySettings } from '@errand/contracts';
import { DEFAULT_TOPOLOGY } from '@errand/contracts';
import { startTestCluster, startTestNats, startTestPostgres } from '@errand/testkit';
import { createLeaderChaos } from '../e2e/leader-chaos.ts';

/** NATS and Postgres of one run. */
export interface FaultServers extends AsyncDisposable {
  readonly natsUrl: string;
  readonly databaseUrl: string;
  readonly replicas: number;
  /** Kills NATS, or the server that leads JOBS, by SIGKILL; resolves when everything is healthy again. */
  killNats(): Promise<void>;
}

/** How long the only server stays away. */
const AWAY_MS = 1_000;

/** What the services provision; another client must not change it. */
export function topologyOf(replicas: number): TopologySettings {
  return { ...DEFAULT_TOPOLOGY, replicas };
}

export async function startFaultServers(natsServers: 1 | 3): Promise<FaultServers> {
  await using resources = new AsyncDisposableStack();
  const postgres = resources.use(await startTestPostgres());
  const nats = await (natsServers === 1 ? startSingle(resources) : startCluster(resources));
  const started = resources.move();
  return {
    ...nats,
    databaseUrl: postgres.url,
    replicas: natsServers,
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

type Nats = Pick<FaultServers, 'natsUrl' | 'killNats'>;

async function startSingle(resources: AsyncDisposableStack): Promise<Nats> {
  const nats = resources.use(await startTestNats());
  return {
    natsUrl: nats.url,
    async killNats() {
      await nats.kill();
      await sleep(AWAY_MS);
      await nats.restart();
    },
  };
}

async function startCluster(resources: AsyncDisposableStack): Promise<Nats> {
  const cluster = resources.use(await startTestCluster());
  const natsUrl = cluster.urls.join(',');
  const observer = resources.use(
    await openBus({ servers: natsUrl, name: 'faults-chaos', topology: topologyOf(cluster.nodes.length) }),
  );
  const chaos = createLeaderChaos(cluster, observer);
  return { natsUrl, killNats: () => chaos.killLeader() };
}
