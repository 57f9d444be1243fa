import type { ConcurrencyKey } from '@errand/contracts';
import { createHeap, type Heap } from '@errand/runtime';
import { firstIn, isBefore, type Row } from './row.ts';

/** The jobs of a contract, which share its executors. */
export interface Pool {
  readonly action: string;
  readonly ready: Heap<Claim>;
  readonly flows: Map<string, Flow>;
  /** Where the newest job began, in virtual milliseconds. */
  time: number;
  released: number;
  running: number;
  meanMs: number;
  /** Whose job moved last, and when; */
  usedBy: string | undefined;
  usedMs: number;
  /** and when the last one of another tenant did. Unix milliseconds. */
  sharedMs: number;
  /** With so many flows, those without jobs are forgotten. */
  forgetFrom: number;
}

/** A tenant's jobs of a pool. */
export interface Flow {
  readonly pool: Pool;
  readonly tenantId: string;
  readonly action: string;
  readonly lanes: Map<string, Lane>;
  readonly ready: Heap<Lane>;
  /** Where its next job begins, in virtual milliseconds. */
  place: number;
  /** Of its newest place in the pool's row; older ones no longer count. Undefined: it has none. */
  claim: Claim | undefined;
  jobs: number;
  /** Of those, the ones that wait for their turn. */
  held: number;
  /** How many attempts have ended, */
  ran: number;
  /** how long the last few took, */
  meanMs: number;
  /** and many. */
  steadyMs: number;
}

interface Claim {
  readonly flow: Flow;
  readonly place: number;
}

export interface Lane {
  readonly flow: Flow;
  readonly priority: number;
  readonly keys: readonly ConcurrencyKey[];
  readonly row: Row;
  /** Whether it is among those of its flow that may have their turn, */
  isReady: boolean;
  /** or waits for room of a key. */
  isBlocked: boolean;
}

/** How long a job is taken to run before one of its pool has. */
const FIRST_GUESS_MS = 1_000;
const FORGET_FROM = 10_000;

export function createPool(action: string): Pool {
  return {
    action,
    ready: createHeap<Claim>((a, b) => a.place < b.place),
    flows: new Map(),
    time: 0,
    released: 0,
    running: 0,
    meanMs: FIRST_GUESS_MS,
    usedBy: undefined,
    usedMs: 0,
    sharedMs: Number.NEGATIVE_INFINITY,
    forgetFrom: FORGET_FROM,
  };
}

/** The flow of a tenant that the pool does not know. */
export function addFlow(pool: Pool, tenantId: string): Flow {
  if (pool.flows.size >= pool.forgetFrom) forgetIdle(pool);
  const flow: Flow = {
    pool,
    tenantId,
    action: pool.action,
    lanes: new Map(),
    ready: createLanes(),
    place: pool.time,
    claim: undefined,
    jobs: 0,
    held: 0,
    ran: 0,
    meanMs: pool.meanMs,
    steadyMs: 0,
  };
  pool.flows.set(tenantId, flow);
  return flow;
}

/** Lanes in the order of their turns. */
export function createLanes(): Heap<Lane> {
  return createHeap((a, b) => a.priority > b.priority || (a.priority === b.priority && isFirst(a, b)));
}

/** A flow that is not ahead of its pool is the same as a new one, but for what is known of its jobs. */
function forgetIdle(pool: Pool): void {
  for (const [tenantId, { jobs, place }] of pool.flows) {
    if (jobs === 0 && place <= pool.time) pool.flows.delete(tenantId);
  }
  pool.forgetFrom = Math.max(FORGET_FROM, 2 * pool.flows.size);
}

/** A job of a flow has moved. Unix milliseconds; 0 for what is not stored yet, which is as late as what was stored last. */
export function noteUse({ pool, tenantId }: Flow, atMs: number): void {
  if (pool.usedBy !== undefined && pool.usedBy !== tenantId) pool.sharedMs = pool.usedMs;
  pool.usedBy = tenantId;
  pool.usedMs = Math.max(pool.usedMs, atMs);
}

function isFirst({ row: a }: Lane, { row: b }: Lane): boolean {
  const [first, other] = [firstIn(a), firstIn(b)];
  return other !== undefined && (first === undefined || isBefore(first, other));
}
