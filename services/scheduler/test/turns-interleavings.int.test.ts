import { connectionOf } from '@errand/bus/testing';
import { type JobRef, parseJobSubject, toJobEvent } from '@errand/contracts';
import { type Command, decide, dueOf, foldJob } from '@errand/domain';
import {
  startNatsProxy,
  startTestNats,
  startTestScheduler,
  type TestNats,
  type TestScheduler,
  waitUntil,
} from '@errand/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { inMs, openTestJobs, STARTED, SUCCEEDED, type TestJobs } from './test-jobs.ts';
import { countOf, mostTaken, openTestTenant, type TestTenant } from './test-tenant.ts';

/*
 * Each test starts schedulers of its own. A proxy keeps back what is on its way between one of them and NATS, so that
 * what is to happen meanwhile does.
 */

// Each waits for two or three processes, and for one of them to be missed.
vi.setConfig({ testTimeout: 90_000 });

/** A follower takes over from a leader that it misses, and not from one that stands still as busy machines do. */
const TAKEOVER = { ERRAND_TURNS_LEASE_MS: '5000' };
const MANY_JOBS = 2_000;

let nats: TestNats;
let jobs: TestJobs;
let tenant: TestTenant;
beforeAll(async () => {
  nats = await startTestNats();
  jobs = await openTestJobs(nats.url);
});
beforeEach(() => {
  tenant = openTestTenant(jobs);
});
afterEach(() => tenant.endAll());
afterAll(async () => {
  await jobs?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

async function startLeader(url = nats.url): Promise<TestScheduler> {
  await using started = new AsyncDisposableStack();
  const leader = started.use(await startTestScheduler(url, TAKEOVER));
  await waitUntil(leader.isLeading);
  started.move();
  return leader;
}
const startFollower = (url = nats.url) => startTestScheduler(url, TAKEOVER);

/** The last message of a batch of releases: without it, none of them is stored. */
const isCommit = (frame: string) => frame.includes('Nats-Batch-Commit');
const isClaim = (frame: string) => /^H?PUB turns\.leader /.test(frame) && !frame.includes('Nats-Batch-Id');
/** What the server says to a message that is to be stored in the log. */
const isAnswer = (frame: string) => /"stream": ?"JOBS"/.test(frame) && !frame.includes('"type"');
/** An event on its way to the scheduler that follows the log. */
const DELIVERY = /\$JS\.ACK\.JOBS\.[^.]+\.\d+\.(\d+)\./;
const isDelivery = (frame: string) => DELIVERY.test(frame);

/** By when a scheduler that is free to has made use of what it knows: it says that it has not read up to here. */
async function untilBehind(): Promise<void> {
  const wanted = { tenant_id: tenant.tenantId, action: 'add', version: Number.MAX_SAFE_INTEGER };
  await waitUntil(async () => (await jobs.bus.commands.askScheduler('room', wanted)).kind === 'unknown');
}

async function append(ref: JobRef, command: Command): Promise<void> {
  const state = foldJob(await jobs.bus.jobs.read(ref));
  const decision = decide(command, state);
  if (decision.kind === 'rejected') throw new Error(decision.reason);
  await jobs.append(ref, state?.version ?? 0, decision.fact);
}

/** All that the log holds leaves it, up to its newest event. */
async function emptyLog(): Promise<void> {
  const { lastVersion } = await jobs.bus.jobs.reach();
  await connectionOf(jobs.bus).request('$JS.API.STREAM.PURGE.JOBS', JSON.stringify({ seq: lastVersion + 1 }));
}

test('a leader that was stopped between its decision and the append releases nothing once another one leads', async () => {
  await using proxy = await startNatsProxy(nats.url);
  await using former = await startLeader(proxy.url);
  await tenant.setLimits({ max_running: 1 });
  await using _follower = await startFollower();
  using commit = proxy.hold('client', isCommit);
  const late = await tenant.held();
  await commit.caught;
  const urgent = await tenant.held({ priority: 9 });
  former.suspend();
  await jobs.lastOf(urgent, 'JobDue');
  using answer = proxy.hold('server', isAnswer);
  commit.letGo();
  await answer.caught;
  expect(await tenant.released([late, urgent])).toEqual([urgent]);
  answer.letGo();
  former.resume();
  await waitUntil(async () => !(await former.isLeading()));
  await tenant.run(urgent);
  await jobs.lastOf(late, 'JobDue');
  await tenant.run(late);
  const events = await tenant.readAll();
  expect(mostTaken(events)).toBe(1);
  expect(countOf(events, late, 'JobDue')).toBe(1);
});

test('a claim that was decided before the leader released is refused, and the leader goes on', async () => {
  await using leader = await startLeader();
  await tenant.setLimits({ max_running: 1 });
  await using proxy = await startNatsProxy(nats.url);
  await using follower = await startFollower(proxy.url);
  using claim = proxy.hold('client', isClaim);
  leader.suspend();
  await claim.caught;
  leader.resume();
  const first = await tenant.held();
  await jobs.lastOf(first, 'JobDue');
  const lead = await jobs.bus.turns.readLead();
  using answer = proxy.hold('server', isAnswer);
  claim.letGo();
  await answer.caught;
  expect(await jobs.bus.turns.readLead()).toEqual(lead);
  answer.letGo();
  const second = await tenant.held();
  await tenant.untilOthersHadTheirTurn();
  expect(await tenant.isDue(second)).toBe(false);
  await tenant.run(first);
  await jobs.lastOf(second, 'JobDue');
  expect([await leader.isLeading(), await follower.isLeading()]).toEqual([true, false]);
  expect(mostTaken(await tenant.readAll())).toBe(1);
});

test('a release is stored only if no claim came before it, however close they are', async () => {
  await using rival = await openTestJobs(nats.url);
  const { turns } = jobs.bus;
  await turns.claim('leader');
  for (let round = 0; round < 60; round++) {
    const ref = await tenant.held();
    const about = { id: ref.jobId, jobId: ref.jobId, source: '/errand/test', timeMs: Date.now() } as const;
    const event = toJobEvent(dueOf('turn', 'c1'), about);
    const request = { ref, event, expectedVersion: await tenant.versionOf(ref) };
    const lead = await turns.readLead();
    if (!lead) throw new Error('nobody leads');
    const claim = async () => {
      // Now the one is faster, now the other.
      for (let looks = 0; looks < 2 ** (round % 6) - 1; looks++) await rival.bus.turns.readLead();
      return rival.bus.turns.claim('rival');
    };
    const [claimed, outcome] = await Promise.all([claim(), turns.append(lead, [request])]);
    expect(await tenant.isDue(ref)).toBe(outcome.kind === 'appended');
    if (outcome.kind === 'appended') expect(claimed ?? Infinity).toBeGreaterThan(outcome.lead.version);
    else expect([outcome.kind, claimed]).toEqual(['refused', expect.any(Number)]);
  }
});

test('a release whose acknowledgement is lost is made once and counted once', async () => {
  await using proxy = await startNatsProxy(nats.url);
  await using _leader = await startLeader(proxy.url);
  await tenant.setLimits({ max_running: 1 });
  using answer = proxy.hold('server', isAnswer);
  const first = await tenant.held();
  await answer.caught;
  const second = await tenant.held({ priority: 9 });
  answer[Symbol.dispose]();
  await tenant.untilOthersHadTheirTurn();
  expect(await tenant.released([first, second])).toEqual([first]);
  await tenant.run(first);
  await jobs.lastOf(second, 'JobDue');
  const events = await tenant.readAll();
  expect(mostTaken(events)).toBe(1);
  expect(countOf(events, first, 'JobDue')).toBe(1);
});

test('a release that is lost on its way is made again', async () => {
  await using proxy = await startNatsProxy(nats.url);
  await using _leader = await startLeader(proxy.url);
  await tenant.setLimits({ max_running: 1 });
  using commit = proxy.hold('client', isCommit);
  const first = await tenant.held();
  await commit.caught;
  commit[Symbol.dispose]();
  await jobs.lastOf(first, 'JobDue');
  const second = await tenant.held();
  await tenant.run(first);
  await jobs.lastOf(second, 'JobDue');
  expect(mostTaken(await tenant.readAll())).toBe(1);
});

test('a job that is canceled or expires between its release and its start frees its place', async () => {
  await using _leader = await startLeader();
  await tenant.setLimits({ max_running: 1 });
  const canceled = await tenant.held();
  await jobs.lastOf(canceled, 'JobDue');
  const expired = await tenant.held({ start_by: inMs(8_000) });
  const next = await tenant.held();
  await append(canceled, { type: 'cancelJob', by: 'somebody' });
  await jobs.lastOf(expired, 'JobDue');
  await jobs.lastOf(expired, 'JobExpired');
  await jobs.lastOf(next, 'JobDue');
  expect(mostTaken(await tenant.readAll())).toBe(1);
});

test('a job that is canceled while its release is on the way holds up no other job and takes no place', async () => {
  await using proxy = await startNatsProxy(nats.url);
  await using _leader = await startLeader(proxy.url);
  await tenant.setLimits({ max_running: 2 }, true);
  const canceled = await tenant.held();
  const beside = await tenant.held();
  const next = await tenant.held();
  using commit = proxy.hold('client', isCommit);
  await tenant.setLimits({ max_running: 2 });
  await commit.caught;
  await append(canceled, { type: 'cancelJob', by: 'somebody' });
  commit.letGo();
  await jobs.lastOf(beside, 'JobDue');
  await jobs.lastOf(next, 'JobDue');
  expect(await tenant.isDue(canceled)).toBe(false);
  expect(mostTaken(await tenant.readAll())).toBe(2);
});

test('a job that is handed over while another one is released keeps its place, and needs no other turn', async () => {
  await using proxy = await startNatsProxy(nats.url);
  await using _leader = await startLeader(proxy.url);
  await tenant.setLimits({ max_running: 2 });
  const moved = await tenant.held();
  await jobs.lastOf(moved, 'JobDue');
  await append(moved, { type: 'startAttempt', executorId: 'e1', maxAttempts: 1 });
  using commit = proxy.hold('client', isCommit);
  const beside = await tenant.held();
  await commit.caught;
  const next = await tenant.held({ priority: 9 });
  await append(moved, { type: 'handOverAttempt', attempt: 1, executorId: 'e1' });
  commit.letGo();
  await jobs.lastOf(beside, 'JobDue');
  await tenant.untilOthersHadTheirTurn();
  expect(await tenant.isDue(next)).toBe(false);
  await append(moved, { type: 'startAttempt', executorId: 'e2', maxAttempts: 1 });
  await append(moved, { type: 'succeedAttempt', attempt: 1, result: 1, durationMs: 1 });
  await jobs.lastOf(next, 'JobDue');
  const events = await tenant.readAll();
  expect(mostTaken(events)).toBe(2);
  // Its turn, and the hand-over.
  expect(countOf(events, moved, 'JobDue')).toBe(2);
});

test('thousands of jobs that were released or held when NATS was killed go on, each once', async () => {
  await using proxy = await startNatsProxy(nats.url);
  await using _leader = await startLeader(proxy.url);
  await using executor = followTurns();
  const refs = await Promise.all(Array.from({ length: MANY_JOBS }, () => tenant.held()));
  const running: { ref: JobRef; version: number }[] = [];
  const begin = async ({ ref, version }: { ref: JobRef; version: number }) =>
    running.push({ ref, version: await jobs.append(ref, version, STARTED) });
  const end = ({ ref, version }: { ref: JobRef; version: number }) => jobs.append(ref, version, SUCCEEDED);
  const beginUntil = async (some: number) => {
    while (running.length < some) await Promise.all((await executor.due()).map(begin));
  };
  await beginUntil(MANY_JOBS / 4);
  using commit = proxy.hold('client', isCommit);
  const early = running.splice(0, 10);
  await Promise.all(early.map(end));
  await commit.caught;
  await nats.kill();
  commit[Symbol.dispose]();
  await nats.restart();
  await beginUntil(MANY_JOBS - early.length);
  await Promise.all(running.map(end));
  const counts = new Map<string, number>();
  for (const { jobId, type } of await tenant.readAll()) {
    const key = `${type} ${jobId}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const each = refs.flatMap(({ jobId }) =>
    ['JobRequested', 'JobDue', 'JobStarted', 'JobSucceeded'].map((type): [string, number] => [
      `${type} ${jobId}`,
      1,
    ]),
  );
  expect(counts).toEqual(new Map(each));
});

test('a job that ended and left the log while a follower was cut off frees its place there', async () => {
  await using leader = await startLeader();
  await tenant.setLimits({ max_running: 1 });
  await using proxy = await startNatsProxy(nats.url);
  await using follower = await startFollower(proxy.url);
  const first = await tenant.held();
  await jobs.lastOf(first, 'JobDue');
  const next = await tenant.held();
  await waitUntil(async () => (await follower.heldJobs()) === 1);
  {
    using _cut = proxy.cut();
    await leader.kill();
    await tenant.cancel(next);
    await tenant.run(first);
    await emptyLog();
  }
  await jobs.lastOf(await tenant.held(), 'JobDue');
});

test('a job that ended and left the log while a starting scheduler was cut off frees its place there', async () => {
  await using former = await startLeader();
  await tenant.setLimits({ max_running: 1 });
  const first = await tenant.held();
  await jobs.lastOf(first, 'JobDue');
  const isReadLater = afterVersion(await tenant.versionOf(first));
  await tenant.untilOthersHadTheirTurn();
  await former.kill();
  await using proxy = await startNatsProxy(nats.url);
  const slow = proxy.hold('server', isReadLater);
  const starting = startFollower(proxy.url);
  await slow.caught;
  {
    using _cut = proxy.cut();
    slow[Symbol.dispose]();
    await tenant.run(first);
    await emptyLog();
  }
  const next = await tenant.held();
  await using _started = await starting;
  await jobs.lastOf(next, 'JobDue');
});

test('a follower that is behind when it takes over counts what the former leader has released', async () => {
  await using former = await startLeader();
  await tenant.setLimits({ max_running: 1 }, true);
  const known = await tenant.held();
  await using proxy = await startNatsProxy(nats.url);
  await using follower = await startFollower(proxy.url);
  expect(await follower.heldJobs()).toBe(1);
  using slow = proxy.hold('server', isDelivery);
  const urgent = await tenant.held({ priority: 9 });
  await tenant.setLimits({ max_running: 1 });
  await jobs.lastOf(urgent, 'JobDue');
  const before = await jobs.bus.turns.readLead();
  await former.kill();
  await waitUntil(async () => (await jobs.bus.turns.readLead())?.leaderId !== before?.leaderId);
  await untilBehind();
  expect(await tenant.released([known, urgent])).toEqual([urgent]);
  slow.letGo();
  await tenant.untilOthersHadTheirTurn();
  expect(await tenant.released([known, urgent])).toEqual([urgent]);
  await tenant.run(urgent);
  await jobs.lastOf(known, 'JobDue');
  expect(mostTaken(await tenant.readAll())).toBe(1);
});

test('a scheduler that starts claims and releases nothing until it has read the log', async () => {
  await using proxy = await startNatsProxy(nats.url);
  await using former = await startLeader();
  await tenant.setLimits({ max_running: 1 }, true);
  const known = await tenant.held();
  const isReadLater = afterVersion(await tenant.versionOf(known));
  const urgent = await tenant.held({ priority: 9 });
  await tenant.setLimits({ max_running: 1 });
  await jobs.lastOf(urgent, 'JobDue');
  await former.kill();
  const before = await jobs.bus.turns.readLead();
  const slow = proxy.hold('server', isReadLater);
  const starting = startFollower(proxy.url);
  await slow.caught;
  await untilBehind();
  const meanwhile = {
    lead: await jobs.bus.turns.readLead(),
    released: await tenant.released([known, urgent]),
  };
  slow.letGo();
  await using _started = await starting;
  expect(meanwhile).toEqual({ lead: before, released: [urgent] });
  await tenant.untilOthersHadTheirTurn();
  expect(await tenant.isDue(known)).toBe(false);
  await tenant.run(urgent);
  await jobs.lastOf(known, 'JobDue');
});

/** Deliveries of events behind a version. */
function afterVersion(version: number): (frame: string) => boolean {
  return (frame) => Number(DELIVERY.exec(frame)?.[1]) > version;
}

/** Jobs of the tenant as they become due. */
function followTurns(): AsyncDisposable & { due(): Promise<{ ref: JobRef; version: number }[]> } {
  const over = new AbortController();
  const found: { ref: JobRef; version: number }[] = [];
  let some = Promise.withResolvers<void>();
  const following = jobs.bus.jobs.follow({
    onEvent({ subject, version }) {
      const { ref, type } = parseJobSubject(subject) ?? {};
      if (ref?.tenantId !== tenant.tenantId || type !== 'JobDue') return;
      found.push({ ref, version });
      some.resolve();
    },
    onCaughtUp() {},
    signal: over.signal,
  });
  return {
    async due() {
      await some.promise;
      some = Promise.withResolvers();
      return found.splice(0);
    },
    async [Symbol.asyncDispose]() {
      over.abort();
      await following;
    },
  };
}
