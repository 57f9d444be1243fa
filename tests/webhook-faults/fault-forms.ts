/** The size of a run. */
export interface WebhookFaultForm {
  readonly name: string;
  /** A process of the service is killed at an interval, for a time. */
  readonly killing: { readonly forMs: number; readonly everyMs: number };
  /** How long Postgres, and after it NATS, is stopped. */
  readonly awayMs: number;
  /** The pause between two kinds of faults, and after the last one, while the load continues. */
  readonly pauseMs: number;
  /** How long the endpoints of a dead process wait. */
  readonly leaseMs: number;
  /** How long the remaining work may take once disturbances have stopped. */
  readonly settleMs: number;
}

export const TENANTS = 20;
export const ENDPOINTS_PER_TENANT = 5;
export const ENDINGS_PER_S = 100;
export const PROCESSES = 2;
/** The most attempts that one process has under way. */
export const SLOTS = 128;
/** The number of results that a process stores together. */
export const RESULT_BATCH = 200;

export const FULL: WebhookFaultForm = {
  name: 'full',
  killing: { forMs: 60_000, everyMs: 2_000 },
  awayMs: 30_000,
  pauseMs: 5_000,
  leaseMs: 6_000,
  settleMs: 120_000,
};

export const SHORT: WebhookFaultForm = {
  name: 'short',
  killing: { forMs: 12_000, everyMs: 2_000 },
  awayMs: 5_000,
  pauseMs: 1_000,
  leaseMs: 3_000,
  settleMs: 40_000,
};
