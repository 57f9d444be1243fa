/** The size of a fault-harness run, and the servers it uses. */
export interface FaultForm {
  readonly name: string;
  /** 1, or 3 for a cluster with three copies of everything. */
  readonly natsServers: 1 | 3;
  readonly jobs: number;
  /** Job requests are spread over this time. */
  readonly spreadMs: number;
  /** A service's process is killed or paused at this interval. */
  readonly faultEveryMs: number;
  /** How often NATS, or the server that leads JOBS, is killed. */
  readonly natsKills: number;
  /** How many jobs kill their executor once, and how many do so in every attempt. */
  readonly crashes: { readonly once: number; readonly always: number };
  /** When a job that has not ended counts as stranded, counted from the end of the disturbances. */
  readonly settleMs: number;
}

/** The lease of the harness's executors: short, so that pauses outlast it. */
export const LEASE_MS = 3_000;

export const FULL: FaultForm = {
  name: 'full',
  natsServers: 1,
  jobs: 2_000,
  spreadMs: 150_000,
  faultEveryMs: 2_000,
  natsKills: 2,
  crashes: { once: 8, always: 3 },
  settleMs: 300_000,
};

export const CLUSTER: FaultForm = {
  ...FULL,
  name: 'cluster',
  natsServers: 3,
  jobs: 1_000,
  spreadMs: 130_000,
  natsKills: 5,
  crashes: { once: 4, always: 2 },
};

export const SHORT: FaultForm = {
  ...FULL,
  name: 'short',
  jobs: 200,
  spreadMs: 20_000,
  natsKills: 1,
  crashes: { once: 2, always: 1 },
};
