import { connectionOf } from '@errand/bus/testing';
import { ActionRecord, BUCKETS, type JobRef, toJobEvent } from '@errand/contracts';
import { dueOf } from '@errand/domain';
import {
  startTestNats,
  startTestScheduler,
  type TestNats,
  type TestScheduler,
  waitUntil,
} from '@errand/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { moveOn } from '../src/jobs/move-on.ts';
import type { OpenJob } from '../src/jobs/open-jobs.ts';
import { MOST_RELEASED } from '../src/turns/room.ts';
import { inMs, openTestJobs, retrying, STARTED, SUCCEEDED, type TestJobs } from './test-jobs.ts';
import { openTestTenant, type TestTenant } from './test-tenant.ts';

let nats: TestNats;
let scheduler: TestScheduler;
let jobs: TestJobs;
let tenant: TestTenant;
beforeAll(async () => {
  nats = await startTestNats();
  jobs = await openTestJobs(nats.url);
  scheduler = await startTestScheduler(nats.url);
});
beforeEach(() => {
  tenant = openTestTenant(jobs);
});
afterAll(async () => {
  await scheduler?.[Symbol.asyncDispose]();
  await jobs?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

afterEach(() => tenant.endAll());

test('a job that is held has its turn, and is for the executors of its contract', async () => {
  const ref = await tenant.held();
  expect((await jobs.lastOf(ref, 'JobDue')).data).toEqual({ reason: 'turn', contract_id: 'c1' });
  expect(await jobs.subjectsOf(ref)).toContain(`jobs.${tenant.tenantId}.add.${ref.jobId}.due.fast.c1`);
});

test('a retry that is due while its tenant is at its limit waits for its turn', async () => {
  await tenant.setLimits({ max_running: 1 });
  const running = await tenant.request({}, [STARTED]);
  const dueAt = inMs(100);
  const waiting = await tenant.request({}, [STARTED, retrying(dueAt)]);
  await waitUntil(async () => (await jobs.bus.jobs.read(waiting)).length === 3 && inMs(0) > dueAt, {
    timeoutMs: 10_000,
  });
  await tenant.untilOthersHadTheirTurn();
  expect(await tenant.isDue(waiting)).toBe(false);
  await jobs.append(running, await tenant.versionOf(running), SUCCEEDED);
  expect((await jobs.lastOf(waiting, 'JobDue')).data).toEqual({ reason: 'retry', contract_id: 'c1' });
});

test('a job whose wait is over is not moved on before its turn, however often it is looked at', async () => {
  await tenant.setLimits({ max_running: 1 });
  await tenant.request({}, [STARTED]);
  const waiting = await tenant.request({}, [STARTED, retrying(inMs(-1))]);
  await tenant.untilOthersHadTheirTurn();
  const version = await tenant.versionOf(waiting);
  const seen = { ref: waiting, version, contractId: 'c1' } as OpenJob;
  const deps = { bus: jobs.bus, now: Date.now, contractOf: () => 'c1' };
  expect(await moveOn({ ...seen, standing: 'held' }, deps)).toBe('left');
  expect(await tenant.isDue(waiting)).toBe(false);
});

test('a held job that is carried keeps its place', async () => {
  await tenant.setLimits({ max_running: 1 });
  const first = await tenant.held();
  await jobs.lastOf(first, 'JobDue');
  const [second, third] = [await tenant.held(), await tenant.held()];
  const [request] = await jobs.bus.jobs.read(second);
  if (request?.event.type !== 'JobRequested') throw new Error('no request');
  const { data, time } = request.event;
  const carried = { requested_at: time, request: data, attempt: 0, next_at: time, errors: [] };
  await jobs.append(second, request.version, { type: 'JobCarried', data: carried });
  await tenant.untilOthersHadTheirTurn();
  expect(await tenant.released([second, third])).toEqual([]);
  await tenant.run(first);
  await jobs.lastOf(second, 'JobDue');
  expect(await tenant.isDue(third)).toBe(false);
  await tenant.run(second);
  await jobs.lastOf(third, 'JobDue');
});

test('a job that waited for an executor and is carried has a turn, and its limit is counted once', async () => {
  await tenant.setLimits({ max_running: 1 });
  const ref = await tenant.held();
  await jobs.lastOf(ref, 'JobDue');
  const [request] = await jobs.bus.jobs.read(ref);
  if (request?.event.type !== 'JobRequested') throw new Error('no request');
  const { data, time } = request.event;
  const carried = { requested_at: time, request: data, attempt: 0, next_at: time, errors: [] };
  const before = await tenant.versionOf(ref);
  await jobs.append(ref, before, { type: 'JobCarried', data: carried });
  await waitUntil(async () => (await tenant.versionOf(ref)) > before + 1 && tenant.isDue(ref));
  const events = await jobs.typesOf(ref);
  expect(events.at(-1)).toBe('JobDue');
  const second = await tenant.held();
  await tenant.untilOthersHadTheirTurn();
  expect(await tenant.isDue(second)).toBe(false);
  await tenant.run(ref);
  await jobs.lastOf(second, 'JobDue');
});

test('a tenant has no more jobs running than it may have, and as many as it may', async () => {
  await tenant.setLimits({ max_running: 3 });
  const refs = await Promise.all(Array.from({ length: 12 }, () => tenant.held()));
  const done = new Set<string>();
  while (done.size < refs.length) {
    const expected = Math.min(3, refs.length - done.size);
    const open = await waitUntil(
      async () => {
        const taken = (await tenant.released(refs)).filter(({ jobId }) => !done.has(jobId));
        expect(taken.length).toBeLessThanOrEqual(3);
        return taken.length === expected ? taken : undefined;
      },
      { timeoutMs: 10_000, intervalMs: 20 },
    );
    const [next] = open;
    if (!next) break;
    await tenant.run(next);
    done.add(next.jobId);
  }
  expect(done.size).toBe(12);
});

test('limits of all tenants hold for one without its own', async () => {
  await using own = await startTestNats();
  await using someJobs = await openTestJobs(own.url);
  await using _ = await startTestScheduler(own.url, { ERRAND_TENANT_LIMITS: '{"max_running":1}' });
  const limited = openTestTenant(someJobs);
  await limited.setLimits({});
  const [first, second] = [await limited.held(), await limited.held()];
  await someJobs.lastOf(first, 'JobDue');
  await limited.untilOthersHadTheirTurn();
  expect(await limited.isDue(second)).toBe(false);
  await limited.setLimits({ max_running: 2 });
  await someJobs.lastOf(second, 'JobDue');
});

test('a limit that is lowered below what runs holds the rest back until there is room again', async () => {
  await tenant.setLimits({ max_running: 4 });
  const first = await Promise.all(Array.from({ length: 4 }, () => tenant.held()));
  await waitUntil(async () => (await tenant.released(first)).length === 4, { timeoutMs: 10_000 });
  await tenant.setLimits({ max_running: 2 });
  const next = await tenant.held();
  for (const ref of first.slice(0, 2)) await tenant.run(ref);
  await tenant.untilOthersHadTheirTurn();
  expect(await tenant.isDue(next)).toBe(false);
  await tenant.run(first[2] as JobRef);
  await jobs.lastOf(next, 'JobDue');
});

test('nothing of a paused tenant is released until it goes on', async () => {
  await tenant.setLimits({}, true);
  const ref = await tenant.held();
  await tenant.untilOthersHadTheirTurn();
  expect(await tenant.isDue(ref)).toBe(false);
  await tenant.setLimits({}, false);
  await jobs.lastOf(ref, 'JobDue');
});

test('nothing of a paused action is released until it goes on', async () => {
  const actions = await jobs.bus.buckets.open(BUCKETS.actions, ActionRecord);
  await actions.put('add', { contracts: [], paused: true });
  const pausedFor = async (ref: JobRef) => {
    const wanted = { job_id: ref.jobId, version: await tenant.versionOf(ref) };
    const answer = await jobs.bus.commands.askScheduler('place', wanted);
    return answer.kind === 'place' && answer.place.waits_for === 'pause';
  };
  const ref = await waitUntil(async () => {
    const each = await tenant.held();
    return (await pausedFor(each)) ? each : undefined;
  });
  expect(await tenant.isDue(ref)).toBe(false);
  await actions.put('add', { contracts: [] });
  await jobs.lastOf(ref, 'JobDue');
});

test('a job that ends while it is held or released frees its place', async () => {
  await tenant.setLimits({ max_running: 1 });
  const first = await tenant.held();
  await jobs.lastOf(first, 'JobDue');
  const second = await tenant.held();
  const third = await tenant.held();
  await jobs.append(second, await tenant.versionOf(second), { type: 'JobCanceled', data: { by: 'b' } });
  await jobs.append(first, await tenant.versionOf(first), { type: 'JobCanceled', data: { by: 'b' } });
  await jobs.lastOf(third, 'JobDue');
});

test('a job that left the log unseen frees its place at its deadline', async () => {
  await tenant.setLimits({ max_running: 1 });
  // Another one where the deadline comes before the turn.
  const first = await waitUntil(async () => {
    const ref = await tenant.held({ finish_by: inMs(1_000) });
    const types = await waitUntil(async () => {
      const seen = await jobs.typesOf(ref);
      return seen.includes('JobDue') || seen.includes('JobExpired') ? seen : undefined;
    });
    return types.includes('JobDue') ? ref : undefined;
  });
  const filter = `jobs.${tenant.tenantId}.add.${first.jobId}.>`;
  await connectionOf(jobs.bus).request('$JS.API.STREAM.PURGE.JOBS', JSON.stringify({ filter }));
  await jobs.lastOf(await tenant.held(), 'JobDue');
});

test('what a former leader releases is refused as a whole, and so is a batch with a job that has moved on', async () => {
  const { turns } = jobs.bus;
  const dueOfJob = async (ref: JobRef) => {
    const about = { id: ref.jobId, jobId: ref.jobId, source: '/errand/test', timeMs: Date.now() } as const;
    return {
      ref,
      event: toJobEvent(dueOf('turn', 'c1'), about),
      expectedVersion: await tenant.versionOf(ref),
    };
  };
  await tenant.setLimits({}, true);
  const refs = [await tenant.held(), await tenant.held()];
  const requests = await Promise.all(refs.map(dueOfJob));
  const former = await turns.claim('former');
  const leader = await turns.claim('leader');
  if (!former || !leader) throw new Error('not claimed');
  expect(await turns.append({ leaderId: 'former', version: former }, requests)).toEqual({
    kind: 'refused',
  });
  expect(await tenant.released(refs)).toEqual([]);
  const stale = requests.map((each, place) => (place === 1 ? { ...each, expectedVersion: 1 } : each));
  expect((await turns.append({ leaderId: 'leader', version: leader }, stale)).kind).toBe('refused');
  expect(await tenant.released(refs)).toEqual([]);
  const outcome = await turns.append({ leaderId: 'leader', version: leader }, requests);
  expect(outcome.kind).toBe('appended');
  expect((await tenant.released(refs)).length).toBe(2);
  // The scheduler of this test has lost the lead, notices, and takes it again.
  await tenant.setLimits({}, false);
  await jobs.lastOf(await tenant.held(), 'JobDue');
});

test('a follower takes over from a leader that was killed, and counts what that one released', {
  timeout: 120_000,
}, async () => {
  await tenant.setLimits({ max_running: 2 });
  await using follower = await startTestScheduler(nats.url);
  const refs = await Promise.all(Array.from({ length: 4 }, () => tenant.held()));
  await waitUntil(async () => (await tenant.released(refs)).length === 2, { timeoutMs: 30_000 });
  await scheduler.kill();
  const [first] = await tenant.released(refs);
  if (!first) throw new Error('nothing released');
  await tenant.run(first);
  await waitUntil(async () => (await tenant.released(refs)).length === 3, { timeoutMs: 30_000 });
  await follower.kill();
  await nats.kill();
  await nats.restart();
  scheduler = await startTestScheduler(nats.url);
  const [, second] = await tenant.released(refs);
  if (!second) throw new Error('nothing released');
  await tenant.run(second);
  await waitUntil(async () => (await tenant.released(refs)).length === 4, { timeoutMs: 30_000 });
});

test('many held jobs are released as room comes, each once', async () => {
  const refs = await Promise.all(Array.from({ length: 100 }, () => tenant.held()));
  const done = new Set<string>();
  // Nothing runs; later one job at a time does, of which no more than one a millisecond begin in 50 ms.
  let most = MOST_RELEASED;
  while (done.size < refs.length) {
    const open = (await tenant.released(refs)).filter(({ jobId }) => !done.has(jobId));
    expect(open.length).toBeLessThanOrEqual(most + 1);
    if (open.length > 0) most = 50;
    for (const ref of open) {
      await tenant.run(ref);
      done.add(ref.jobId);
    }
  }
});
