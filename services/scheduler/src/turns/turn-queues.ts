import type { ConcurrencyKey, QueuePlace } from '@errand/contracts';
import type { Heap } from '@errand/runtime';
import type { OpenJob, Standing } from '../jobs/open-jobs.ts';
import { createCounts } from './counts.ts';
import { addFlow, createLanes, createPool, type Flow, type Lane, noteUse, type Pool } from './pool.ts';
import { DIRECT_JOBS, directRoom, hasToItself, releaseRoom } from './room.ts';
import { addTo, createRow, dropFirst, firstIn, isBefore } from './row.ts';

/*
 * Whose turn it is. All jobs of a contract share its executors: they are a pool. In a pool each tenant has a flow, in a flow
 * each priority, and each set of concurrency keys, has a lane, where jobs wait in the order in which they could begin.
 *
 * The flow whose next job began earliest in the pool's virtual time goes first (stride scheduling): each job moves its flow on
 * by the time that it holds a slot, divided by the tenant's weight; by an estimate at first, and by the true time once that
 * is known. A flow that comes anew begins at the time of the pool, so it neither owes nor saves up anything.
 *
 * Everything here follows from what the log says of each job that has not ended, and each job is counted where it stands:
 * nothing can leak, and whoever reads the log again comes to the same.
 */

/** What turns know of a tenant. */
export interface TurnLimits {
  /** Its share of the slots, relative to the others'. */
  readonly weight: number;
  /** Most jobs that may be released or running at a time. */
  readonly maxRunning?: number | undefined;
  /** The same of one action. */
  readonly maxRunningPerAction?: number | undefined;
  /** None of its jobs is released. */
  readonly paused: boolean;
}

export const NO_TURN_LIMITS: TurnLimits = { weight: 1, paused: false };

export interface TurnQueues {
  /** A job stands elsewhere than before; undefined: it was not open yet, or is no more. Unix milliseconds. */
  move(before: OpenJob | undefined, after: OpenJob | undefined, atMs: number): void;
  /** Those whose turn it is, at most `limit`, each given to `release`, which has to move it. */
  next(limit: number, release: (job: OpenJob) => void): OpenJob[];
  /** The limits of a tenant have changed, */
  relimit(tenantId: string): void;
  /** or whether an action is paused. */
  resume(action: string): void;
  /** How many more jobs of a tenant and an action may go to the executors directly. */
  roomOf(tenantId: string, action: string): number;
  /** Why a held job waits, and how many of its flow go before it. */
  placeOf(job: OpenJob): QueuePlace;
  /** Since when the first job of a tenant waits, for so many tenants with the most jobs. Unix milliseconds. */
  longestWaits(tenants: number): Map<string, number>;
  /**
   * How many of each action wait for their turn that limits of their tenants, or a pause, keep from it whatever executors
   * there are. Concurrency keys are left out.
   */
  limited(): Map<string, number>;
  /** How many wait for their turn. */
  readonly held: number;
}

/** So many jobs are looked at to count those before another one. */
const MAX_COUNTED = 10_000;
/** How much the newest job counts for the estimate of the next one. */
const NEWEST_SHARE = 0.2;
const STEADY_SHARE = 0.01;

/** The slot of a job that is released or running. */
interface Slot {
  readonly chargedMs: number;
  readonly beganMs: number | undefined;
}

/** The lanes of a flow that wait for room of a key's value, of whose jobs so many may be taken. */
interface FullKey {
  readonly flow: Flow;
  readonly limit: number;
  readonly lanes: Heap<Lane>;
}

/** Standings that count for limits. */
const isTaken = (standing: Standing | undefined) =>
  standing === 'direct' || standing === 'released' || standing === 'running' || standing === 'deferred';

/**
 * `current` gives the newest state of a job, `limitsOf` those of a tenant; `onReady` is called when it may be somebody's turn.
 */
export function createTurnQueues(deps: {
  current: (jobId: string) => OpenJob | undefined;
  limitsOf: (tenantId: string) => TurnLimits;
  isPaused: (action: string) => boolean;
  /** How many jobs of an action its executors run at a time. */
  slotsOf: (action: string) => number;
  /** How many jobs of a pool may be released and not have begun, where fewer run. */
  mostReleased: number;
  onReady: () => void;
}): TurnQueues {
  const { current, limitsOf, isPaused, slotsOf, mostReleased, onReady } = deps;
  const pools = new Map<string, Pool>();
  const ready = new Set<Pool>();
  const slots = new Map<string, Slot>();
  /** How many jobs of a tenant, of a tenant's action, of a key's value are taken. */
  const taken = createCounts();
  /** How many of a tenant's action wait for their turn or for an executor. */
  const runnable = createCounts();
  /** What a limit of a tenant keeps from its turn, by that limit; */
  const blocked = new Map<string, Set<Flow>>();
  /** and what a key does, by its value. */
  const full = new Map<string, FullKey[]>();
  let held = 0;

  function flowOf({ ref: { tenantId, action }, contractId }: OpenJob): Flow {
    const key = `${action}.${contractId}`;
    let pool = pools.get(key);
    if (!pool) {
      pool = createPool(action);
      pools.set(key, pool);
    }
    return pool.flows.get(tenantId) ?? addFlow(pool, tenantId);
  }

  /** The first job of a lane that still waits in it. */
  function firstOf({ row }: Lane): OpenJob | undefined {
    for (;;) {
      const job = firstIn(row);
      if (!job || current(job.ref.jobId) === job) return job;
      dropFirst(row);
    }
  }

  function claim(flow: Flow): void {
    flow.claim = { flow, place: flow.place };
    flow.pool.ready.add(flow.claim);
    ready.add(flow.pool);
    onReady();
  }

  function offer(lane: Lane): void {
    if (lane.isReady || lane.isBlocked || !firstOf(lane)) return;
    lane.isReady = true;
    lane.flow.ready.add(lane);
    if (!lane.flow.claim) claim(lane.flow);
  }

  function advance(flow: Flow, byMs: number): void {
    flow.place += byMs / limitsOf(flow.tenantId).weight;
    if (flow.claim) claim(flow);
  }

  function block(limit: string, flow: Flow): void {
    const waiting = blocked.get(limit);
    if (waiting) waiting.add(flow);
    else blocked.set(limit, new Set([flow]));
  }

  function unblock(limit: string): void {
    const waiting = blocked.get(limit);
    if (!waiting) return;
    blocked.delete(limit);
    for (const flow of waiting) {
      flow.place = Math.max(flow.place, flow.pool.time);
      if (flow.ready.size > 0 && !flow.claim) claim(flow);
    }
  }

  function blockByKey(lane: Lane, key: ConcurrencyKey): void {
    const value = keyLimit(lane.flow, key);
    const known = full.get(value) ?? [];
    let group = known.find(({ flow, limit }) => flow === lane.flow && limit === key.limit);
    if (!group) {
      group = { flow: lane.flow, limit: key.limit, lanes: createLanes() };
      full.set(value, [...known, group]);
    }
    lane.isBlocked = true;
    group.lanes.add(lane);
  }

  /** A key's value may have room: in each flow, the first lane that waits for it is offered, and no other one would get it. */
  function unblockByKey(flow: Flow, key: ConcurrencyKey): void {
    const value = keyLimit(flow, key);
    const groups = full.get(value);
    if (!groups) return;
    for (const group of groups) if (taken.of(value) < group.limit) offerFirst(group);
    const left = groups.filter(({ lanes }) => lanes.size > 0);
    if (left.length === 0) full.delete(value);
    else full.set(value, left);
  }

  function offerFirst({ flow, lanes }: FullKey): void {
    for (let lane = lanes.take(); lane; lane = lanes.take()) {
      lane.isBlocked = false;
      if (!firstOf(lane)) {
        flow.lanes.delete(laneKey(lane));
        continue;
      }
      flow.place = Math.max(flow.place, flow.pool.time);
      offer(lane);
      return;
    }
  }

  /** The limit that keeps a flow from its turn. */
  function limitOn({ tenantId, action }: Flow): string | undefined {
    const { paused, maxRunning = Infinity, maxRunningPerAction = Infinity } = limitsOf(tenantId);
    const ofTenant = tenantLimit(tenantId);
    if (paused || taken.of(ofTenant) >= maxRunning) return ofTenant;
    const ofAction = actionLimit(tenantId, action);
    if (taken.of(ofAction) >= maxRunningPerAction) return ofAction;
    return isPaused(action) ? pauseOf(action) : undefined;
  }

  /** How many more jobs of a flow its limits let go. */
  function roomBelowLimits({ tenantId, action }: Flow): number {
    const { paused, maxRunning = Infinity, maxRunningPerAction = Infinity } = limitsOf(tenantId);
    if (paused || isPaused(action)) return 0;
    const ofTenant = maxRunning - taken.of(tenantLimit(tenantId));
    return Math.max(0, Math.min(ofTenant, maxRunningPerAction - taken.of(actionLimit(tenantId, action))));
  }

  function laneWithTurn(flow: Flow): Lane | undefined {
    for (let lane = flow.ready.take(); lane; lane = flow.ready.take()) {
      lane.isReady = false;
      const isEmpty = !firstOf(lane);
      if (isEmpty) flow.lanes.delete(laneKey(lane));
      const fullKey = lane.keys.find((key) => taken.of(keyLimit(flow, key)) >= key.limit);
      if (!isEmpty && !fullKey) return lane;
      if (!isEmpty && fullKey) blockByKey(lane, fullKey);
      // It leaves the room of its other keys to those that wait for them.
      for (const key of lane.keys) unblockByKey(flow, key);
    }
    return undefined;
  }

  function nextOf(pool: Pool): OpenJob | undefined {
    for (let claimed = pool.ready.take(); claimed; claimed = pool.ready.take()) {
      const { flow } = claimed;
      if (flow.claim !== claimed) continue;
      flow.claim = undefined;
      const limit = limitOn(flow);
      if (limit !== undefined) {
        block(limit, flow);
        continue;
      }
      const lane = laneWithTurn(flow);
      const job = lane && firstOf(lane);
      if (!lane || !job) continue;
      dropFirst(lane.row);
      if (firstOf(lane)) offer(lane);
      else flow.lanes.delete(laneKey(lane));
      if (flow.ready.size > 0 && !flow.claim) claim(flow);
      return job;
    }
    return undefined;
  }

  /** Where a job begins in virtual time moves the pool's. */
  function charge(job: OpenJob, flow: Flow, beganMs: number | undefined): void {
    flow.pool.time = Math.max(flow.pool.time, flow.place);
    slots.set(job.ref.jobId, { chargedMs: flow.meanMs, beganMs });
    advance(flow, flow.meanMs);
  }

  function settle(job: OpenJob, flow: Flow, atMs: number): void {
    const slot = slots.get(job.ref.jobId);
    if (!slot) return;
    slots.delete(job.ref.jobId);
    if (slot.beganMs === undefined) {
      advance(flow, -slot.chargedMs);
      return;
    }
    const ranMs = Math.max(0, atMs - slot.beganMs);
    flow.ran++;
    flow.meanMs += (ranMs - flow.meanMs) * NEWEST_SHARE;
    flow.steadyMs += (ranMs - flow.steadyMs) * Math.max(STEADY_SHARE, 1 / flow.ran);
    flow.pool.meanMs += (ranMs - flow.pool.meanMs) * NEWEST_SHARE;
    advance(flow, ranMs - slot.chargedMs);
  }

  function enter(job: OpenJob, atMs: number): void {
    const { standing } = job;
    const flow = flowOf(job);
    if (standing === 'waiting') return;
    noteUse(flow, atMs);
    if (flow.jobs++ === 0) flow.place = Math.max(flow.place, flow.pool.time);
    if (isTaken(standing)) for (const limit of limitsAbout(job, flow)) taken.add(limit, 1);
    const ofAction = actionLimit(flow.tenantId, flow.action);
    if (standing === 'held') {
      held++;
      flow.held++;
      line(job);
    }
    if (standing === 'held' || standing === 'direct' || standing === 'released') runnable.add(ofAction, 1);
    if (standing === 'released') flow.pool.released++;
    if (standing === 'running') flow.pool.running++;
    if (standing === 'released' && !slots.has(job.ref.jobId)) charge(job, flow, undefined);
    if (standing !== 'running') return;
    const slot = slots.get(job.ref.jobId);
    if (slot) slots.set(job.ref.jobId, { ...slot, beganMs: atMs });
    else charge(job, flow, atMs);
  }

  function line(job: OpenJob): void {
    const lane = laneOf(flowOf(job), job);
    addTo(lane.row, job);
    offer(lane);
  }

  function leave(job: OpenJob, next: Standing | undefined, atMs: number): void {
    const { standing } = job;
    const flow = flowOf(job);
    if (standing === 'waiting') return;
    flow.jobs--;
    const ofAction = actionLimit(flow.tenantId, flow.action);
    if (standing === 'held') {
      held--;
      flow.held--;
    }
    if (standing === 'held' || standing === 'direct' || standing === 'released') runnable.add(ofAction, -1);
    if (standing === 'released') {
      flow.pool.released--;
      // A pool that was full has room.
      if (flow.pool.ready.size > 0) {
        ready.add(flow.pool);
        onReady();
      }
    }
    if (standing === 'running') flow.pool.running--;
    if (standing === 'running' || next !== 'running') settle(job, flow, atMs);
    if (isTaken(standing)) {
      for (const limit of limitsAbout(job, flow)) {
        taken.add(limit, -1);
        if (!isTaken(next)) unblock(limit);
      }
      if (!isTaken(next)) for (const key of job.keys) unblockByKey(flow, key);
    }
  }

  function laneOf(flow: Flow, { priority, keys }: OpenJob): Lane {
    const key = laneKey({ priority, keys });
    const known = flow.lanes.get(key);
    if (known) return known;
    const lane: Lane = {
      flow,
      priority,
      keys,
      row: createRow(),
      isReady: false,
      isBlocked: false,
    };
    flow.lanes.set(key, lane);
    return lane;
  }

  function countBefore(flow: Flow, job: OpenJob): number {
    const own = flow.lanes.get(laneKey(job));
    let before = 0;
    let looks = 0;
    for (const lane of flow.lanes.values()) {
      const { priority, row } = lane;
      if (looks === MAX_COUNTED) break;
      if (priority < job.priority) continue;
      firstIn(row);
      for (let place = row.front; place < row.jobs.length && looks < MAX_COUNTED; place++) {
        const other = row.jobs[place];
        if (other === job) break;
        looks++;
        if (!other || current(other.ref.jobId) !== other) continue;
        // What is behind it came later, too.
        if (priority === job.priority && lane !== own && isBefore(job, other)) break;
        before++;
      }
    }
    return before;
  }

  return {
    move(before, after, atMs) {
      const isSame = before?.standing === after?.standing && before?.standing !== 'running';
      if (isSame) return after?.standing === 'held' ? line(after) : undefined;
      if (before) leave(before, after?.standing, atMs);
      if (after) enter(after, atMs);
    },
    next(limit, release) {
      const jobs: OpenJob[] = [];
      for (const pool of ready) {
        while (jobs.length < limit && pool.released < releaseRoom(pool, mostReleased)) {
          const job = nextOf(pool);
          if (!job) break;
          jobs.push(job);
          release(job);
        }
        if (jobs.length === limit) break;
        ready.delete(pool);
      }
      return jobs;
    },
    relimit(tenantId) {
      unblock(tenantLimit(tenantId));
      for (const { action, flows } of pools.values()) {
        if (flows.has(tenantId)) unblock(actionLimit(tenantId, action));
      }
    },
    resume: (action) => unblock(pauseOf(action)),
    longestWaits(tenants) {
      const waits = new Map<string, { held: number; readyMs: number }>();
      for (const { flows } of pools.values()) {
        for (const flow of flows.values()) {
          const wait = waits.get(flow.tenantId) ?? { held: 0, readyMs: Number.POSITIVE_INFINITY };
          wait.held += flow.jobs;
          for (const lane of flow.lanes.values()) {
            wait.readyMs = Math.min(wait.readyMs, firstOf(lane)?.readyMs ?? wait.readyMs);
          }
          if (wait.readyMs < Number.POSITIVE_INFINITY) waits.set(flow.tenantId, wait);
        }
      }
      const largest = [...waits].sort(([, a], [, b]) => b.held - a.held).slice(0, tenants);
      return new Map(largest.map(([tenantId, { readyMs }]) => [tenantId, readyMs]));
    },
    limited() {
      const limited = new Map<string, number>();
      for (const { action, flows } of pools.values()) {
        let jobs = limited.get(action) ?? 0;
        for (const flow of flows.values()) {
          if (flow.held > 0) jobs += Math.max(0, flow.held - roomBelowLimits(flow));
        }
        limited.set(action, jobs);
      }
      return limited;
    },
    roomOf(tenantId, action) {
      const { paused, maxRunning, maxRunningPerAction } = limitsOf(tenantId);
      if (paused || maxRunning !== undefined || maxRunningPerAction !== undefined) return 0;
      // One for each contract.
      const ofAction = [...pools.values()].filter((pool) => pool.action === action);
      const about = { slots: slotsOf(action), isAlone: hasToItself(tenantId, ofAction) };
      const rooms = ofAction.map(({ flows }) => {
        const flow = flows.get(tenantId);
        return flow ? directRoom(flow, about) : 0;
      });
      const most = Math.max(DIRECT_JOBS, ...rooms);
      return Math.max(0, most - runnable.of(actionLimit(tenantId, action)));
    },
    placeOf(job) {
      const flow = flowOf(job);
      const limit = limitOn(flow);
      const { paused } = limitsOf(flow.tenantId);
      const isFull = job.keys.some((key) => taken.of(keyLimit(flow, key)) >= key.limit);
      const waits_for =
        paused || limit === pauseOf(flow.action) ? 'pause' : limit ? 'limit' : isFull ? 'key' : 'turn';
      return { waits_for, jobs_before: countBefore(flow, job) };
    },
    get held() {
      return held;
    },
  };
}

const tenantLimit = (tenantId: string) => `tenant ${tenantId}`;
const actionLimit = (tenantId: string, action: string) => `tenant ${tenantId} ${action}`;
const keyLimit = ({ tenantId, action }: Flow, { name, value }: ConcurrencyKey) =>
  `key ${tenantId} ${action} ${name} ${value}`;
const pauseOf = (action: string) => `action ${action}`;

function limitsAbout({ keys }: OpenJob, flow: Flow): string[] {
  const { tenantId, action } = flow;
  return [tenantLimit(tenantId), actionLimit(tenantId, action), ...keys.map((key) => keyLimit(flow, key))];
}

function laneKey({ priority, keys }: Pick<Lane, 'priority' | 'keys'>): string {
  return keys.length === 0 ? String(priority) : JSON.stringify([priority, ...keys]);
}
