import { connectionOf } from '@errand/bus/testing';
import {
  ActionRecord,
  BUCKETS,
  isEndingType,
  type JobRef,
  Tenant,
  type TenantLimits,
  toJobEvent,
} from '@errand/contracts';
import { dueOf } from '@errand/domain';
import {
  startTestNats,
  startTestScheduler,
  type TestNats,
  type TestScheduler,
  waitUntil,
} from '@errand/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { inMs, openTestJobs, retrying, STARTED, SUCCEEDED, type TestJobs } from './test-jobs.ts';

let nats: TestNats;
let scheduler: TestScheduler;
let jobs: TestJobs;
let tenantId: string;
let tenants = 0;
beforeAll(async () => {
  nats = await startTestNats();
  jobs = await openTestJobs(nats.url);
  scheduler = await startTestScheduler(nats.url);
});
beforeEach(() => {
  tenantId = `tenant-${++tenants}`;
});
afterAll(async () => {
  await scheduler?.[Symbol.asyncDispose]();
  await jobs?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

const made: JobRef[] = [];
async function request(...args: Parameters<TestJobs['request']>): Promise<JobRef> {
  const ref = await jobs.request(...args);
  made.push(ref);
  return ref;
}
const held = (changes: Parameters<TestJobs['request']>[0] = {}) =>
  request({ tenant_id: tenantId, ...changes }, [], 'held');

// No executor runs them: what is released and never begun would keep the jobs of the next test from their turn.
afterEach(async () => {
  for (const ref of made.splice(0)) {
    // A release may come between the two.
    await waitUntil(async () => {
      const events = await jobs.bus.jobs.read(ref);
      if (events.length === 0 || events.some(({ event }) => isEndingType(event.type))) return true;
      return jobs.append(ref, await versionOf(ref), { type: 'JobCanceled', data: { by: 'test' } });
    });
  }
});

async function setTenant(limits: TenantLimits, paused = false): Promise<void> {
  const bucket = await jobs.bus.buckets.open(BUCKETS.tenants, Tenant);
  const record = { created_at: inMs(0), limits, paused };
  await bucket.put(tenantId, { tenant_id: tenantId, ...record });
  // The scheduler that knows of a later record knows of this one.
  const marker = `marker-${++tenants}`;
  await bucket.put(marker, { tenant_id: marker, ...record, paused: true });
  const knows = async () => {
    const answer = await jobs.bus.commands.askScheduler('room', {
      tenant_id: marker,
      action: 'add',
      version: 0,
    });
    return answer.kind === 'room' && answer.jobs === 0;
  };
  await waitUntil(knows, { timeoutMs: 10_000, intervalMs: 20 });
}

/** Whoever could have had a turn before this resolves has had it: a job of another tenant that came later has. */
async function untilOthersHadTheirTurn(): Promise<void> {
  await jobs.lastOf(await held({ tenant_id: `other-${++tenants}` }), 'JobDue');
}

/** Versions of the newest events of each type. */
async function versionOf(ref: JobRef): Promise<number> {
  return Math.max(...(await jobs.bus.jobs.read(ref)).map(({ version }) => version));
}

const isDue = async (ref: JobRef) => (await jobs.typesOf(ref)).includes('JobDue');
async function released(refs: readonly JobRef[]): Promise<JobRef[]> {
  const due = await Promise.all(refs.map(isDue));
  return refs.filter((_, place) => due[place]);
}

/** Runs a released job to its end, as an executor does. */
async function run(ref: JobRef): Promise<void> {
  const version = await jobs.append(ref, await versionOf(ref), STARTED);
  await jobs.append(ref, version, SUCCEEDED);
}

test('a job that is held has its turn, and is for the executors of its contract', async () => {
  const ref = await held();
  expect((await jobs.lastOf(ref, 'JobDue')).data).toEqual({ reason: 'turn', contract_id: 'c1' });
  expect(await jobs.subjectsOf(ref)).toContain(`jobs.${tenantId}.add.${ref.jobId}.due.fast.c1`);
});

test('a retry that is due while its tenant is at its limit waits for its turn', async () => {
  await setTenant({ max_running: 1 });
  const running = await request({ tenant_id: tenantId }, [STARTED]);
  const dueAt = inMs(100);
  const waiting = await request({ tenant_id: tenantId }, [STARTED, retrying(dueAt)]);
  await waitUntil(async () => (await jobs.bus.jobs.read(waiting)).length === 3 && inMs(0) > dueAt, {
    timeoutMs: 10_000,
  });
  await untilOthersHadTheirTurn();
  expect(await isDue(waiting)).toBe(false);
  await jobs.append(running, await versionOf(running), SUCCEEDED);
  expect((await jobs.lastOf(waiting, 'JobDue')).data).toEqual({ reason: 'retry', contract_id: 'c1' });
});

test('a tenant has no more jobs running than it may have, and as many as it may', async () => {
  await setTenant({ max_running: 3 });
  const refs = await Promise.all(Array.from({ length: 12 }, () => held()));
  const done = new Set<string>();
  while (done.size < refs.length) {
    const expected = Math.min(3, refs.length - done.size);
    const open = await waitUntil(
      async () => {
        const taken = (await released(refs)).filter(({ jobId }) => !done.has(jobId));
        expect(taken.length).toBeLessThanOrEqual(3);
        return taken.length === expected ? taken : undefined;
      },
      { timeoutMs: 10_000, intervalMs: 20 },
    );
    const [next] = open;
    if (!next) break;
    await run(next);
    done.add(next.jobId);
  }
  expect(done.size).toBe(12);
});

test('a limit that is lowered below what runs holds the rest back until there is room again', async () => {
  await setTenant({ max_running: 4 });
  const first = await Promise.all(Array.from({ length: 4 }, () => held()));
  await waitUntil(async () => (await released(first)).length === 4, { timeoutMs: 10_000 });
  await setTenant({ max_running: 2 });
  const next = await held();
  for (const ref of first.slice(0, 2)) await run(ref);
  await untilOthersHadTheirTurn();
  expect(await isDue(next)).toBe(false);
  await run(first[2] as JobRef);
  await jobs.lastOf(next, 'JobDue');
});

test('nothing of a paused tenant is released until it goes on', async () => {
  await setTenant({}, true);
  const ref = await held();
  await untilOthersHadTheirTurn();
  expect(await isDue(ref)).toBe(false);
  await setTenant({}, false);
  await jobs.lastOf(ref, 'JobDue');
});

test('nothing of a paused action is released until it goes on', async () => {
  const actions = await jobs.bus.buckets.open(BUCKETS.actions, ActionRecord);
  await actions.put('add', { contracts: [], paused: true });
  const pausedFor = async (ref: JobRef) => {
    const wanted = { job_id: ref.jobId, version: await versionOf(ref) };
    const answer = await jobs.bus.commands.askScheduler('place', wanted);
    return answer.kind === 'place' && answer.place.waits_for === 'pause';
  };
  const ref = await waitUntil(async () => {
    const each = await held();
    return (await pausedFor(each)) ? each : undefined;
  });
  expect(await isDue(ref)).toBe(false);
  await actions.put('add', { contracts: [] });
  await jobs.lastOf(ref, 'JobDue');
});

test('a job that ends while it is held or released frees its place', async () => {
  await setTenant({ max_running: 1 });
  const first = await held();
  await jobs.lastOf(first, 'JobDue');
  const second = await held();
  const third = await held();
  await jobs.append(second, await versionOf(second), { type: 'JobCanceled', data: { by: 'b' } });
  await jobs.append(first, await versionOf(first), { type: 'JobCanceled', data: { by: 'b' } });
  await jobs.lastOf(third, 'JobDue');
});

test('a job that left the log unseen frees its place at its deadline', async () => {
  await setTenant({ max_running: 1 });
  const first = await held({ finish_by: inMs(1_000) });
  await jobs.lastOf(first, 'JobDue');
  const filter = `jobs.${tenantId}.add.${first.jobId}.>`;
  await connectionOf(jobs.bus).request('$JS.API.STREAM.PURGE.JOBS', JSON.stringify({ filter }));
  await jobs.lastOf(await held(), 'JobDue');
});

test('what a former leader releases is refused as a whole, and so is a batch with a job that has moved on', async () => {
  const { turns } = jobs.bus;
  const dueOfJob = async (ref: JobRef) => {
    const about = { id: ref.jobId, jobId: ref.jobId, source: '/errand/test', timeMs: Date.now() } as const;
    return { ref, event: toJobEvent(dueOf('turn', 'c1'), about), expectedVersion: await versionOf(ref) };
  };
  await setTenant({}, true);
  const refs = [await held(), await held()];
  const requests = await Promise.all(refs.map(dueOfJob));
  const former = await turns.claimTurns('former');
  const leader = await turns.claimTurns('leader');
  if (!former || !leader) throw new Error('not claimed');
  expect(await turns.releaseTurns({ schedulerId: 'former', version: former }, requests)).toEqual({
    kind: 'refused',
  });
  expect(await released(refs)).toEqual([]);
  const stale = requests.map((each, place) => (place === 1 ? { ...each, expectedVersion: 1 } : each));
  expect((await turns.releaseTurns({ schedulerId: 'leader', version: leader }, stale)).kind).toBe('refused');
  expect(await released(refs)).toEqual([]);
  const outcome = await turns.releaseTurns({ schedulerId: 'leader', version: leader }, requests);
  expect(outcome.kind).toBe('released');
  expect((await released(refs)).length).toBe(2);
  // The scheduler of this test has lost the lead, notices, and takes it again.
  await setTenant({}, false);
  await jobs.lastOf(await held(), 'JobDue');
});

test('a follower takes over from a leader that was killed, and counts what that one released', async () => {
  await setTenant({ max_running: 2 });
  await using follower = await startTestScheduler(nats.url);
  const refs = await Promise.all(Array.from({ length: 4 }, () => held()));
  await waitUntil(async () => (await released(refs)).length === 2, { timeoutMs: 10_000 });
  await scheduler.kill();
  const [first] = await released(refs);
  if (!first) throw new Error('nothing released');
  await run(first);
  await waitUntil(async () => (await released(refs)).length === 3, { timeoutMs: 10_000 });
  await follower.kill();
  await nats.kill();
  await nats.restart();
  scheduler = await startTestScheduler(nats.url);
  const [, second] = await released(refs);
  if (!second) throw new Error('nothing released');
  await run(second);
  await waitUntil(async () => (await released(refs)).length === 4, { timeoutMs: 10_000 });
});

test('many held jobs are released as room comes, each once', async () => {
  const refs = await Promise.all(Array.from({ length: 100 }, () => held()));
  const done = new Set<string>();
  while (done.size < refs.length) {
    const open = (await released(refs)).filter(({ jobId }) => !done.has(jobId));
    expect(open.length).toBeLessThanOrEqual(17);
    for (const ref of open) {
      await run(ref);
      done.add(ref.jobId);
    }
  }
});
