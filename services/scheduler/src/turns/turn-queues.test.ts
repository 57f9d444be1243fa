import type { ConcurrencyKey, JobEventOf, JobFact } from '@errand/contracts';
import { REQUEST, record } from '@errand/domain/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createOpenJobs, type OpenJob, type OpenJobs } from '../jobs/open-jobs.ts';
import { DIRECT_JOBS, MOST_RELEASED } from './room.ts';
import { createTurnQueues, NO_TURN_LIMITS, type TurnLimits } from './turn-queues.ts';

/* Jobs of one pool, as a log in memory tells of them: requested, released, begun and ended. */

const SLOTS = 16;

interface World {
  readonly open: OpenJobs;
  readonly nowMs: number;
  request(tenantId: string, about?: Partial<JobEventOf<'JobRequested'>['data']>, isHeld?: boolean): string;
  follow(jobId: string, fact: JobFact): void;
  /** Runs released jobs on `slots` slots until a time; `tookMs` is how long each takes. */
  runUntil(untilMs: number, slots: number, tookMs: (tenantId: string) => number): void;
  /** Nothing happens until a time. */
  rest(untilMs: number): void;
  /** Slot milliseconds by tenant. */
  readonly used: Map<string, number>;
  readonly ended: string[];
  /** How many jobs were released and have not begun. */
  readonly unbegun: number;
}

function createWorld(limitsOf: (tenantId: string) => Partial<TurnLimits> = () => ({})): World {
  const open = createOpenJobs({
    limitsOf: (tenantId) => ({ ...NO_TURN_LIMITS, ...limitsOf(tenantId) }),
    isPaused: () => false,
    slotsOf: () => SLOTS,
    mostReleased: MOST_RELEASED,
    onReady: () => {},
    onBegun: () => {},
  });
  const tenants = new Map<string, string>();
  const used = new Map<string, number>();
  const ended: string[] = [];
  const queued: string[] = [];
  const running: { jobId: string; endsAt: number; tookMs: number }[] = [];
  let version = 0;
  let nowMs = 0;

  function take(jobId: string, fact: JobFact, isHeld = false): void {
    const [recorded] = record([fact]);
    if (!recorded) throw new Error('nothing recorded');
    const ref = { tenantId: tenants.get(jobId) ?? '', action: 'add', jobId };
    open.take({ ...recorded, ref, version: ++version }, { storedMs: nowMs, isHeld });
  }

  return {
    open,
    get nowMs() {
      return nowMs;
    },
    get unbegun() {
      return queued.length;
    },
    used,
    ended,
    request(tenantId, about = {}, isHeld = true) {
      const jobId = String(tenants.size);
      tenants.set(jobId, tenantId);
      const finish_by = '2099-01-01T00:00:00.000Z';
      take(jobId, { type: 'JobRequested', data: { ...REQUEST, finish_by, ...about } }, isHeld);
      if (!isHeld) queued.push(jobId);
      return jobId;
    },
    follow: take,
    rest(untilMs) {
      nowMs = untilMs;
    },
    runUntil(untilMs, slots, tookMs) {
      while (nowMs <= untilMs) {
        for (const { ref } of open.release(1_000)) {
          take(ref.jobId, { type: 'JobDue', data: { reason: 'turn', contract_id: 'c1' } });
          queued.push(ref.jobId);
        }
        while (running.length < slots && queued.length > 0) {
          const jobId = queued.shift() ?? '';
          const took = tookMs(tenants.get(jobId) ?? '');
          running.push({ jobId, endsAt: nowMs + took, tookMs: took });
          take(jobId, { type: 'JobStarted', data: { attempt: 1, executor_id: 'e' } });
        }
        running.sort((a, b) => a.endsAt - b.endsAt);
        const next = running.shift();
        if (!next) return;
        nowMs = Math.max(nowMs, next.endsAt);
        const tenantId = tenants.get(next.jobId) ?? '';
        used.set(tenantId, (used.get(tenantId) ?? 0) + next.tookMs);
        take(next.jobId, { type: 'JobSucceeded', data: { attempt: 1, result: 1, duration_ms: 1 } });
        ended.push(next.jobId);
      }
    },
  };
}

const times = (count: number, act: () => void) => {
  for (let each = 0; each < count; each++) act();
};
const idsOf = (jobs: readonly OpenJob[]) => jobs.map(({ ref }) => ref.jobId);

test('slots are shared by weight, whatever the jobs of a tenant take', () => {
  const weights: Record<string, number> = { quick: 1, slow: 1, double: 2 };
  const tookMs: Record<string, number> = { quick: 20, slow: 200, double: 2_000 };
  const world = createWorld((tenantId) => ({ weight: weights[tenantId] ?? 1 }));
  times(60_000, () => world.request('quick'));
  times(6_000, () => world.request('slow'));
  times(1_000, () => world.request('double'));
  world.runUntil(60_000, SLOTS, (tenantId) => tookMs[tenantId] ?? 0);
  const total = [...world.used.values()].reduce((sum, ms) => sum + ms, 0);
  for (const [tenantId, weight] of Object.entries(weights)) {
    const share = (world.used.get(tenantId) ?? 0) / total;
    expect(share / (weight / 4), tenantId).toBeGreaterThan(0.9);
    expect(share / (weight / 4), tenantId).toBeLessThan(1.1);
  }
});

test('a tenant that comes late waits for nobody, and has saved up nothing', () => {
  const world = createWorld();
  times(5_000, () => world.request('early'));
  world.runUntil(10_000, SLOTS, () => 100);
  const before = world.used.get('early') ?? 0;
  times(5_000, () => world.request('late'));
  world.runUntil(20_000, SLOTS, () => 100);
  const early = (world.used.get('early') ?? 0) - before;
  expect((world.used.get('late') ?? 0) / early).toBeGreaterThan(0.9);
  expect((world.used.get('late') ?? 0) / early).toBeLessThan(1.1);
});

test('what jobs took beyond their estimate is owed', () => {
  const world = createWorld();
  let long = 10_000;
  const tookMs = (tenantId: string) => (tenantId === 'a' ? long : 100);
  times(SLOTS, () => world.request('a'));
  world.runUntil(0, SLOTS, tookMs);
  long = 100;
  const later = Array.from({ length: 500 }, () => world.request('a'));
  times(500, () => world.request('b'));
  world.runUntil(world.nowMs + 2_000, SLOTS, tookMs);
  expect(world.ended.length).toBeGreaterThan(250);
  expect(world.ended.filter((id) => later.includes(id)).length).toBeLessThan(40);
});

test('one job of a small tenant is among the next that are released', () => {
  const world = createWorld();
  times(20_000, () => world.request('flood'));
  world.runUntil(5_000, SLOTS, () => 200);
  const small = world.request('small');
  world.runUntil(world.nowMs + 600, SLOTS, () => 200);
  expect(world.ended).toContain(small);
});

test('within a tenant, higher priorities go first, and each in the order of the log', () => {
  const world = createWorld();
  const low = world.request('a', { priority: 1 });
  const first = world.request('a');
  const second = world.request('a', { priority: 5 });
  const high = world.request('a', { priority: 9 });
  expect(idsOf(world.open.release(10))).toEqual([high, first, second, low]);
});

const key = (value: string, limit: number): ConcurrencyKey[] => [{ name: 'account', value, limit }];

test('a key holds up its own jobs and no others', () => {
  const world = createWorld();
  const one = world.request('a', { concurrency: key('x', 1) });
  const two = world.request('a', { concurrency: key('x', 1) });
  const other = world.request('a', { concurrency: key('y', 1) });
  const stranger = world.request('b', { concurrency: key('x', 1) });
  expect(idsOf(world.open.release(10)).sort()).toEqual([one, other, stranger].sort());
  world.follow(one, { type: 'JobDue', data: { reason: 'turn', contract_id: 'c1' } });
  expect(world.open.release(10)).toEqual([]);
  world.follow(one, { type: 'JobCanceled', data: { by: 'somebody' } });
  expect(idsOf(world.open.release(10))).toEqual([two]);
});

test('no more than a pool needs are released, so that a later tenant waits for few', () => {
  const world = createWorld();
  times(1_000, () => world.request('a'));
  expect(world.open.release(1_000).length).toBe(16);
  expect(world.open.release(1_000)).toEqual([]);
});

test('of quick jobs more are released, and of long ones fewer, than of others', () => {
  const released = (tookMs: number) => {
    const world = createWorld();
    times(2_000, () => world.request('a'));
    // The last of them still run.
    world.runUntil(tookMs * 20, SLOTS, () => tookMs);
    return world.unbegun + world.open.release(1_000).length;
  };
  expect(released(10)).toBe((15 * 50) / 10);
  expect(released(1)).toBe(100);
  expect(released(1_000)).toBe(MOST_RELEASED);
  expect(released(60_000)).toBe(4);
});

test('the tenants with the most jobs say since when their first one waits', () => {
  const world = createWorld();
  times(MOST_RELEASED + 5, () => world.request('many'));
  world.open.release(1_000);
  world.request('few');
  world.request('few');
  world.request('one');
  expect([...world.open.turns.longestWaits(2)]).toEqual([
    ['many', 0],
    ['few', 0],
  ]);
});

test('a tenant with few runnable jobs has room, and those that wait for their turn count', () => {
  const world = createWorld();
  const room = () => world.open.turns.roomOf('a', 'add');
  expect(room()).toBe(DIRECT_JOBS);
  const direct = world.request('a', {}, false);
  expect(room()).toBe(DIRECT_JOBS - 1);
  world.follow(direct, { type: 'JobStarted', data: { attempt: 1, executor_id: 'e' } });
  expect(room()).toBe(DIRECT_JOBS);
  const held = world.request('a');
  expect(room()).toBe(DIRECT_JOBS - 1);
  world.open.release(1);
  expect(room()).toBe(DIRECT_JOBS - 1);
  world.open.end(held, 0);
  expect(room()).toBe(DIRECT_JOBS);
});

test('a job that waits says why, and how many go before it', () => {
  const limits: Record<string, Partial<TurnLimits>> = { capped: { maxRunning: 1 }, paused: { paused: true } };
  const world = createWorld((tenantId) => limits[tenantId] ?? {});
  const first = world.request('capped', { priority: 9 });
  const second = world.request('capped');
  const low = world.request('capped', { priority: 1 });
  const paused = world.request('paused');
  const keyed = world.request('a', { concurrency: key('x', 1) });
  const behind = world.request('a', { concurrency: key('x', 1) });
  expect(world.open.placeOf(low)).toEqual({ waits_for: 'turn', jobs_before: 2 });
  world.open.release(10);
  expect(world.open.placeOf(first)).toEqual({ waits_for: 'executor', jobs_before: null });
  expect(world.open.placeOf(second)).toEqual({ waits_for: 'limit', jobs_before: 0 });
  expect(world.open.placeOf(low)).toEqual({ waits_for: 'limit', jobs_before: 1 });
  expect(world.open.placeOf(paused)).toEqual({ waits_for: 'pause', jobs_before: 0 });
  expect(world.open.placeOf(behind)).toEqual({ waits_for: 'key', jobs_before: 0 });
  world.follow(keyed, { type: 'JobDue', data: { reason: 'turn', contract_id: 'c1' } });
  world.follow(keyed, { type: 'JobStarted', data: { attempt: 1, executor_id: 'e' } });
  expect(world.open.placeOf(keyed)).toBeUndefined();
  const later = world.request('a', { start_after: '2098-01-01T00:00:00.000Z' });
  expect(world.open.placeOf(later)).toEqual({ waits_for: 'time', jobs_before: null });
});

/** So many held jobs of a tenant, whose ids count from 1, with the keys that each is given; looks at them are counted. */
function queueUp(count: number, keysOf: (jobId: string) => ConcurrencyKey[] = () => []) {
  const looked = { times: 0 };
  const jobs = new Map<string, OpenJob>();
  const queues = createTurnQueues({
    current(jobId) {
      looked.times++;
      return jobs.get(jobId);
    },
    limitsOf: () => NO_TURN_LIMITS,
    isPaused: () => false,
    slotsOf: () => SLOTS,
    mostReleased: MOST_RELEASED,
    onReady: () => {},
  });
  const open = createOpenJobs();
  for (let version = 1; version <= count; version++) {
    const ref = { tenantId: 'a', action: 'add', jobId: String(version) };
    const data = { ...REQUEST, concurrency: keysOf(ref.jobId) };
    const [requested] = record([{ type: 'JobRequested', data }]);
    if (!requested) throw new Error('nothing recorded');
    open.take({ ...requested, ref, version }, { storedMs: 0, isHeld: true });
    const job = open.get(ref.jobId);
    if (!job) throw new Error('not open');
    jobs.set(ref.jobId, job);
    queues.move(undefined, job, 0);
  }
  return { looked, jobs, queues };
}

test('where a job stands is told by looking at those before it, and at 10,000 at most', () => {
  const { looked, jobs, queues } = queueUp(20_000);
  const lookedAt = (jobId: string) => {
    looked.times = 0;
    const job = jobs.get(jobId);
    const { jobs_before } = job ? queues.placeOf(job) : {};
    return { jobs_before, looks: looked.times };
  };
  expect(lookedAt('1')).toEqual({ jobs_before: 0, looks: 0 });
  expect(lookedAt('11')).toEqual({ jobs_before: 10, looks: 10 });
  expect(lookedAt('20000')).toEqual({ jobs_before: 10_000, looks: 10_000 });
});

test('an ending costs the same, however many keys are beside the one that it makes room for', () => {
  const lookedAt = (lanes: number) => {
    const { looked, jobs, queues } = queueUp(lanes, (jobId) => [
      ...key('shared', 1),
      { name: 'own', value: jobId, limit: 1 },
    ]);
    const release = () =>
      queues
        .next(100, (job) => {
          const released = { ...job, standing: 'released' as const };
          jobs.set(job.ref.jobId, released);
          queues.move(job, released, 0);
        })
        .map(({ ref }) => ref.jobId);
    expect(release()).toEqual(['1']);
    looked.times = 0;
    for (const id of ['1', '2', '3']) {
      const job = jobs.get(id);
      jobs.delete(id);
      queues.move(job, undefined, 0);
      expect(release()).toEqual([String(Number(id) + 1)]);
    }
    return looked.times;
  };
  expect(lookedAt(1_000)).toBe(lookedAt(10));
});

test('a held job that is to be canceled outside does not wait for its turn', () => {
  const world = createWorld(() => ({ maxRunning: 1 }));
  world.request('a');
  world.open.release(1);
  const canceled = world.request('a');
  world.follow(canceled, { type: 'JobCancelRequested', data: { by: 'somebody' } });
  expect(idsOf(world.open.due(0, 10))).toEqual([canceled]);
});

test('a tenant whose jobs have been quick has more room, and one whose jobs are slow has not', () => {
  const world = createWorld();
  const room = () => world.open.turns.roomOf('a', 'add');
  world.request('b');
  times(50, () => world.request('a'));
  world.runUntil(1_000, SLOTS, () => 4);
  world.request('a');
  expect(room()).toBe(100 - 1);
  times(50, () => world.request('a'));
  world.runUntil(100_000, SLOTS, () => 2_000);
  world.request('a');
  expect(room()).toBe(DIRECT_JOBS - 1);
});

test('with nobody to wait behind them, more quick jobs need no turn, until another tenant comes', () => {
  const world = createWorld();
  const room = () => world.open.turns.roomOf('a', 'add');
  times(50, () => world.request('a'));
  world.runUntil(1_000, SLOTS, () => 2);
  world.request('a');
  expect(room()).toBe(4_000 - 1);
  world.request('b');
  expect(room()).toBe(100 - 1);
  world.runUntil(1_000, SLOTS, () => 2);
  world.rest(10 * 60_000);
  world.request('a');
  expect(room()).toBe(100 - 1);
  world.rest(10 * 60_000 + 1_000);
  world.request('a');
  expect(room()).toBe(4_000 - 2);
});

test('a release to another tenant does not make the one before it alone', () => {
  const world = createWorld();
  const room = () => world.open.turns.roomOf('a', 'add');
  world.rest(3_600_000);
  times(50, () => world.request('a'));
  world.runUntil(3_601_000, SLOTS, () => 2);
  world.request('b');
  // Nothing of it has been stored yet.
  expect(world.open.release(10)).toHaveLength(1);
  world.request('a');
  expect(room()).toBe(100 - 1);
});

test('another tenant that used another contract of the action counts, too', () => {
  const world = createWorld();
  world.request('b', { contract_id: 'c0' });
  times(50, () => world.request('a'));
  world.runUntil(1_000, SLOTS, () => 2);
  world.request('a');
  expect(world.open.turns.roomOf('a', 'add')).toBe(100 - 1);
});

test('some slow jobs among many quick ones leave little room, however quick the last ones were', () => {
  const world = createWorld();
  for (const tookMs of [...Array(10).fill(3_000), ...Array(50).fill(4)]) {
    world.request('a');
    world.runUntil(world.nowMs, SLOTS, () => tookMs);
  }
  world.request('a');
  expect(world.open.turns.roomOf('a', 'add')).toBe(SLOTS * 2 - 2);
});

test('a release that was refused is taken back, and comes first again', () => {
  const world = createWorld();
  const first = world.request('a');
  const second = world.request('a');
  const [released] = world.open.release(1);
  if (!released) throw new Error('nothing released');
  world.open.hold([released]);
  expect(idsOf(world.open.release(10))).toEqual([first, second]);
});

test('of several releases that were refused together, those that came first come first again', () => {
  const world = createWorld();
  const jobs = Array.from({ length: 6 }, () => world.request('a'));
  world.open.hold(world.open.release(3));
  expect(idsOf(world.open.release(10))).toEqual(jobs);
});

type Step =
  | {
      kind: 'request';
      tenant: number;
      value: number;
      other: number;
      keys: number;
      priority: number;
      isHeld: boolean;
    }
  | { kind: 'release' }
  | { kind: 'hold' | 'due' | 'start' | 'end' | 'retry'; pick: number };

test('whatever happens, no limit is passed, and nothing waits while there is room for it', () => {
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({
      kind: fc.constant('request' as const),
      tenant: fc.nat(2),
      value: fc.nat(2),
      other: fc.nat(2),
      keys: fc.constantFrom(1, 2, 2),
      priority: fc.integer({ min: 4, max: 6 }),
      isHeld: fc.constant(true),
    }),
    fc.record({ kind: fc.constant('release' as const) }),
    fc.record({ kind: fc.constantFrom('hold', 'due', 'start', 'end', 'retry'), pick: fc.nat(30) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
      const world = createWorld((tenantId) => ({ maxRunning: tenantId === 't0' ? 2 : undefined }));
      const jobs: string[] = [];
      const taken = () =>
        jobs
          .map((id) => world.open.get(id))
          .filter((job) => job && !['held', 'waiting'].includes(job.standing));
      const isFull = (name: string, of: (job: OpenJob) => unknown) =>
        taken().filter((job) => job && of(job) === name).length >= 2;
      /** Those that no limit keeps from their turn, where the pool has room. */
      const mayHaveGone = () => {
        if (taken().filter((job) => job?.standing === 'released').length >= MOST_RELEASED) return [];
        return jobs.filter((id) => {
          const job = world.open.get(id);
          if (job?.standing !== 'held') return false;
          const { tenantId } = job.ref;
          const ofTenant = ({ ref }: OpenJob) => ref.tenantId;
          if (tenantId === 't0' && isFull('t0', ofTenant)) return false;
          return job.keys.every(
            ({ name, value }) =>
              !isFull(`${tenantId} ${value}`, (other) => {
                const own = other.keys.find((each) => each.name === name);
                return `${ofTenant(other)} ${own?.value}`;
              }),
          );
        });
      };
      for (const each of steps) {
        if (each.kind === 'request') {
          const keys = [
            ...key(String(each.value), 2),
            { name: 'other', value: String(each.other), limit: 2 },
          ];
          const about = { concurrency: keys.slice(0, each.keys), priority: each.priority };
          jobs.push(world.request(`t${each.tenant}`, about, each.isHeld));
        } else if (each.kind === 'release') {
          world.open.release(100);
          expect(mayHaveGone()).toEqual([]);
        } else {
          const jobId = jobs[each.pick % Math.max(1, jobs.length)] ?? '';
          const job = world.open.get(jobId);
          if (!job) continue;
          const { standing } = job;
          if (each.kind === 'hold' && standing === 'released') world.open.hold([job]);
          if (each.kind === 'due' && standing === 'released') {
            world.follow(jobId, { type: 'JobDue', data: { reason: 'turn', contract_id: 'c1' } });
          }
          if (each.kind === 'start' && standing === 'released') {
            world.follow(jobId, { type: 'JobStarted', data: { attempt: 1, executor_id: 'e' } });
          }
          if (each.kind === 'end') world.follow(jobId, { type: 'JobCanceled', data: { by: 'b' } });
          if (each.kind === 'retry' && standing === 'running') {
            const error = { code: 'c', message: 'm' };
            world.follow(jobId, {
              type: 'JobRetrying',
              data: { attempt: 1, error, retry_at: '1970-01-01T00:00:00.001Z' },
            });
            world.open.due(5, 10);
          }
        }
        const ofLimited = taken().filter((job) => job?.ref.tenantId === 't0');
        expect(ofLimited.length).toBeLessThanOrEqual(2);
        const values = taken().flatMap((job) =>
          (job?.keys ?? []).map(({ name, value }) => `${job?.ref.tenantId} ${name} ${value}`),
        );
        for (const [, those] of Map.groupBy(values, (value) => value)) {
          expect(those.length).toBeLessThanOrEqual(2);
        }
      }
      // Everything that is released ends: all others get their turn.
      for (let rounds = 0; rounds < 200; rounds++) {
        world.open.release(100);
        const now = taken();
        if (now.length === 0) break;
        for (const job of now) if (job) world.open.end(job.ref.jobId, 0);
      }
      expect(jobs.filter((id) => world.open.get(id))).toEqual([]);
    }),
    { numRuns: 500 },
  );
});
