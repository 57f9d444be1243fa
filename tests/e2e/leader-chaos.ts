import type { Bus } from '@errand/bus';
import { connectionOf } from '@errand/bus/testing';
import { JOBS_STREAM } from '@errand/contracts';
import { type TestCluster, waitUntil } from '@errand/testkit';
import { jobsStreamInfo } from './read-log.ts';

/** Repeatedly takes the leader of JOBS away. */
export interface LeaderChaos {
  readonly stepDowns: number;
  readonly kills: number;
  /** Makes the leader hand over; resolves when another one leads. */
  stepDown(): Promise<void>;
  /** Kills the leader's server by SIGKILL, restarts it when another one leads, and resolves when all are in sync. */
  killLeader(): Promise<void>;
}

const ELECTION_MS = 30_000;

/** `observer` is connected to all nodes, so that it survives the loss of any. */
export function createLeaderChaos(cluster: TestCluster, observer: Bus): LeaderChaos {
  let stepDowns = 0;
  let kills = 0;

  const leader = () =>
    waitUntil(async () => (await jobsStreamInfo(observer)).cluster?.leader, { timeoutMs: ELECTION_MS });
  const otherLeader = (than: string) =>
    waitUntil(
      async () => {
        const name = (await jobsStreamInfo(observer)).cluster?.leader;
        return name !== undefined && name !== than;
      },
      { timeoutMs: ELECTION_MS, intervalMs: 20 },
    );
  const allInStep = () =>
    waitUntil(
      async () => {
        const replicas = (await jobsStreamInfo(observer)).cluster?.replicas ?? [];
        return replicas.length === cluster.nodes.length - 1 && replicas.every(({ current }) => current);
      },
      { timeoutMs: ELECTION_MS },
    );

  return {
    get stepDowns() {
      return stepDowns;
    },
    get kills() {
      return kills;
    },
    async stepDown() {
      const before = await leader();
      await connectionOf(observer).request(`$JS.API.STREAM.LEADER.STEPDOWN.${JOBS_STREAM}`, '', {
        timeout: 5_000,
      });
      await otherLeader(before);
      stepDowns += 1;
    },
    async killLeader() {
      const before = await leader();
      // The nodes of a test cluster are called n1, n2, n3, in the order of the list.
      const node = cluster.nodes[Number(before.slice(1)) - 1];
      if (!node) throw new Error(`the cluster has no node ${before}`);
      await node.kill();
      kills += 1;
      await otherLeader(before);
      await node.restart();
      await allInStep();
    },
  };
}
