import type { JobFact } from '@errand/contracts';
import { REQUEST, record } from '@errand/domain/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NO_TURN_LIMITS, type TurnLimits } from '../turns/turn-queues.ts';
import { createDemandCounter } from './action-demand.ts';
import { createOpenJobs, type OpenJob, type Standing } from './open-jobs.ts';

const STANDINGS: Standing[] = ['waiting', 'held', 'direct', 'released', 'running', 'deferred'];
const NOW_MS = 1_000_000;
const NONE = { queued: 0, held: 0, limited: 0, running: 0, due_within_60s: 0, oldest_s: 0 };

const anyJob = fc.record({
  action: fc.constantFrom('add', 'mul'),
  standing: fc.constantFrom(...STANDINGS),
  readyMs: fc.integer({ min: NOW_MS - 100_000, max: NOW_MS }),
  wakeAt: fc.integer({ min: NOW_MS - 100_000, max: NOW_MS + 200_000 }),
  isGone: fc.boolean(),
});

test('what is counted as jobs come and go is what counting those that are there says', () => {
  fc.assert(
    fc.property(fc.array(anyJob), (jobs) => {
      const counter = createDemandCounter();
      const countable = ({ action, standing, readyMs, wakeAt }: (typeof jobs)[number]) => ({
        ref: { tenantId: 't', action, jobId: 'j' },
        standing,
        readyMs,
        wakeAt: standing === 'waiting' || standing === 'deferred' ? wakeAt : undefined,
      });
      for (const job of jobs) counter.count(countable(job), 1);
      for (const job of jobs) if (job.isGone) counter.count(countable(job), -1);
      const told = counter.read(NOW_MS, new Map());
      for (const action of new Set(jobs.map((job) => job.action))) {
        const there = jobs.filter((job) => job.action === action && !job.isGone);
        const standing = (...any: Standing[]) => there.filter((job) => any.includes(job.standing));
        const queued = standing('held', 'direct', 'released');
        const seconds = queued.map(({ readyMs }) => Math.floor(readyMs / 1_000));
        const last = Math.floor((NOW_MS + 60_000) / 1_000);
        expect(told.get(action)).toEqual({
          queued: queued.length,
          held: standing('held').length,
          limited: 0,
          running: standing('running').length,
          due_within_60s: standing('waiting', 'deferred').filter(
            (job) => Math.floor(job.wakeAt / 1_000) <= last,
          ).length,
          oldest_s: queued.length === 0 ? 0 : NOW_MS / 1_000 - Math.min(...seconds),
        });
      }
    }),
  );
});

/** Jobs of the action `add`, as the log tells of them. */
function createLog(limitsOf: (tenantId: string) => Partial<TurnLimits> = () => ({}), isPaused = () => false) {
  const open = createOpenJobs({
    limitsOf: (tenantId) => ({ ...NO_TURN_LIMITS, ...limitsOf(tenantId) }),
    isPaused,
    slotsOf: () => 16,
    mostReleased: 16,
    onReady: () => {},
    onBegun: () => {},
  });
  let version = 0;
  return {
    open,
    follow(
      job: Pick<OpenJob['ref'], 'tenantId' | 'jobId'>,
      fact: JobFact,
      storedMs: number,
      isHeld = false,
    ): void {
      const [recorded] = record([fact]);
      if (!recorded) throw new Error('nothing recorded');
      open.take({ ...recorded, ref: { ...job, action: 'add' }, version: ++version }, { storedMs, isHeld });
    },
    demand: (nowMs: number) => open.demand(nowMs).get('add'),
  };
}

const iso = (ms: number) => new Date(ms).toISOString();
const requestedFact = (more: { start_after?: string } = {}): JobFact => ({
  type: 'JobRequested',
  data: { ...REQUEST, finish_by: iso(NOW_MS + 86_400_000), ...more },
});
const STARTED: JobFact = { type: 'JobStarted', data: { attempt: 1, executor_id: 'e' } };
const due = (reason: 'turn' | 'retry' | 'start_after'): JobFact => ({
  type: 'JobDue',
  data: { reason, contract_id: 'c1' },
});

test('a job counts from a minute before its time on, without a gap, and as queued since that time', () => {
  const { open, follow, demand } = createLog();
  const job = { tenantId: 't', jobId: 'j' };
  const atMs = NOW_MS + 90_000;
  follow(job, requestedFact({ start_after: iso(atMs) }), NOW_MS);
  expect(demand(atMs - 62_000)).toEqual(NONE);
  expect(demand(atMs - 60_000)).toEqual({ ...NONE, due_within_60s: 1 });
  expect(demand(atMs + 10)).toEqual({ ...NONE, due_within_60s: 1 });
  open.due(atMs + 10, 10);
  expect(demand(atMs + 4_000)).toEqual({ ...NONE, queued: 1, held: 1, oldest_s: 4 });
  follow(job, due('start_after'), atMs + 20);
  expect(demand(atMs + 4_000)).toEqual({ ...NONE, queued: 1, oldest_s: 4 });
  follow(job, STARTED, atMs + 5_000);
  expect(demand(atMs + 6_000)).toEqual({ ...NONE, running: 1 });
  const retry_at = iso(atMs + 100_000);
  const error = { code: 'action_failed', message: 'm' } as const;
  follow(job, { type: 'JobRetrying', data: { attempt: 1, error, retry_at } }, atMs + 7_000);
  expect(demand(atMs + 8_000)).toEqual(NONE);
  expect(demand(atMs + 40_000)).toEqual({ ...NONE, due_within_60s: 1 });
  open.end('j', atMs + 50_000);
  expect(demand(atMs + 50_000)).toEqual(NONE);
});

test('a job whose wait another scheduler has ended is queued since then, not since its request', () => {
  const { follow, demand } = createLog();
  const job = { tenantId: 't', jobId: 'j' };
  follow(job, requestedFact({ start_after: iso(NOW_MS + 3_600_000) }), NOW_MS);
  follow(job, due('start_after'), NOW_MS + 3_600_005);
  expect(demand(NOW_MS + 3_602_000)).toEqual({ ...NONE, queued: 1, oldest_s: 2 });
});

test('a deferred attempt holds no slot, and counts before its next look', () => {
  const { follow, demand } = createLog();
  const job = { tenantId: 't', jobId: 'j' };
  follow(job, requestedFact(), NOW_MS);
  follow(job, STARTED, NOW_MS);
  const until = iso(NOW_MS + 120_000);
  follow(job, { type: 'JobDeferred', data: { attempt: 1, until, operation: 'o' } }, NOW_MS);
  expect(demand(NOW_MS)).toEqual(NONE);
  expect(demand(NOW_MS + 60_000)).toEqual({ ...NONE, due_within_60s: 1 });
});

test('what limits or a pause hold back is told apart', () => {
  let isPaused = false;
  const limits: Record<string, Partial<TurnLimits>> = {
    few: { maxRunning: 2 },
    fewer: { maxRunningPerAction: 1, maxRunning: 5 },
    none: { paused: true },
  };
  const { follow, demand } = createLog(
    (tenantId) => limits[tenantId] ?? {},
    () => isPaused,
  );
  for (const tenantId of ['few', 'fewer', 'none', 'free']) {
    for (let place = 0; place < 4; place++) {
      follow({ tenantId, jobId: `${tenantId} ${place}` }, requestedFact(), NOW_MS, true);
    }
  }
  expect(demand(NOW_MS)).toEqual({ ...NONE, queued: 16, held: 16, limited: 2 + 3 + 4 });
  const first = { tenantId: 'few', jobId: 'few 0' };
  follow(first, due('turn'), NOW_MS);
  expect(demand(NOW_MS)).toEqual({ ...NONE, queued: 16, held: 15, limited: 2 + 3 + 4 });
  follow(first, STARTED, NOW_MS);
  expect(demand(NOW_MS)).toEqual({ ...NONE, queued: 15, held: 15, running: 1, limited: 2 + 3 + 4 });
  isPaused = true;
  expect(demand(NOW_MS)).toEqual({ ...NONE, queued: 15, held: 15, running: 1, limited: 15 });
});

test('a timer is overdue that nobody has acted upon, or that could not be', () => {
  const { open, follow } = createLog();
  follow({ tenantId: 't', jobId: 'j' }, requestedFact(), NOW_MS);
  const deadlineMs = NOW_MS + 86_400_000;
  expect(open.overdue(deadlineMs + 4_000, 5_000)).toBe(0);
  expect(open.overdue(deadlineMs + 5_000, 5_000)).toBe(1);
  const [job] = open.due(deadlineMs + 6_000, 10);
  expect(open.overdue(deadlineMs + 6_000, 5_000)).toBe(0);
  open.putBack(job?.ref.jobId ?? '', deadlineMs + 7_000);
  open.putBack(job?.ref.jobId ?? '', deadlineMs + 7_500);
  expect(open.overdue(deadlineMs + 6_500, 5_000)).toBe(1);
  open.end('j', deadlineMs + 8_000);
  expect(open.overdue(deadlineMs + 8_000, 5_000)).toBe(0);
});
