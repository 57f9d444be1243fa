import { randomUUIDv7 } from 'node:crypto';
import { type Bus, openBus } from '@errand/bus';
import { connectionOf } from '@errand/bus/testing';
import {
  DEFAULT_TOPOLOGY,
  eventSubject,
  type JobRef,
  type RecordedEvent,
  toJobEvent,
} from '@errand/contracts';
import { startTestCluster, type TestCluster, waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkChains, isEnding, type StoredEvent, type WrittenEvent } from './chain-check.ts';
import { createLeaderChaos, type LeaderChaos } from './leader-chaos.ts';
import { emptyLedger, raceForJob } from './racing-writer.ts';
import { readWholeLog } from './read-log.ts';

/*
 * Four writers race on every job of a clustered log whose leader keeps going away. The run grows with these variables;
 * the long form is ERRAND_CHAIN_JOBS=20000 ERRAND_CHAIN_KILLS=4.
 *
 *   ERRAND_CHAIN_JOBS      300   jobs, each raced for by all writers
 *   ERRAND_CHAIN_EVENTS      4   events that each writer wants in a job before it tries to end it
 *   ERRAND_CHAIN_AT_ONCE     8   jobs raced for at the same time
 *   ERRAND_CHAIN_KILLS       1   SIGKILLs of the leader's server, spread over the run; between them it steps down
 *   ERRAND_CHAIN_SECONDS     0   the run continues with further jobs until this much time has passed
 */
const WRITERS = 4;
const JOBS = numberOf('ERRAND_CHAIN_JOBS', 300);
const EVENTS = numberOf('ERRAND_CHAIN_EVENTS', 4);
const AT_ONCE = numberOf('ERRAND_CHAIN_AT_ONCE', 8);
const KILLS = numberOf('ERRAND_CHAIN_KILLS', 1);
const SECONDS = numberOf('ERRAND_CHAIN_SECONDS', 0);
/** At least; however fast the machine is, the run lasts until then. */
const STEP_DOWNS = 3;
const TIMEOUT_MS = 120_000 + JOBS * 100 + SECONDS * 1_000;

const TOPOLOGY = { ...DEFAULT_TOPOLOGY, replicas: 3 };

let cluster: TestCluster;
const buses: Bus[] = [];

beforeAll(async () => {
  cluster = await startTestCluster();
  for (let index = 0; index <= WRITERS; index++) buses.push(await connect(`e2e-${index}`));
});

afterAll(async () => {
  await Promise.all(buses.map((bus) => bus[Symbol.asyncDispose]()));
  await cluster?.[Symbol.asyncDispose]();
});

test('writers that race through step-downs and kills of the leader leave one whole chain per job', {
  timeout: TIMEOUT_MS,
}, async () => {
  const [observer, ...writerBuses] = buses as [Bus, ...Bus[]];
  const chaos = createLeaderChaos(cluster, observer);
  const ledger = emptyLedger();
  const writers = writerBuses.map((bus, index) => ({ bus, index, eventsPerJob: EVENTS, ledger }));
  const began = performance.now();
  const jobs = await raceForJobs(chaos, async (ref) => {
    await Promise.all(writers.map((writer) => raceForJob(writer, ref)));
  });
  const raceMs = performance.now() - began;

  const log = await waitUntil(() => readWholeLog(observer), { timeoutMs: 60_000 });
  const stored = log.map(storedOf);
  const { written, ...counts } = ledger;
  console.log('chain', {
    jobs,
    stored: stored.length,
    ...counts,
    stepDowns: chaos.stepDowns,
    kills: chaos.kills,
    race_ms: Math.round(raceMs),
  });

  expect(checkChains(stored, written)).toEqual([]);
  expect(new Set(stored.map(({ jobId }) => jobId)).size).toBe(jobs);
  expect(stored.filter(({ type }) => isEnding(type))).toHaveLength(jobs);
  expect(ledger.staleReads).toBe(0);
  // Without these the run proves nothing.
  expect(ledger.conflicts).toBeGreaterThan(jobs);
  expect(chaos.stepDowns).toBeGreaterThanOrEqual(STEP_DOWNS);
  expect(chaos.kills).toBe(KILLS);
});

test('an append without a guard is detected', async () => {
  const [, bus] = buses as [Bus, Bus];
  const ref = { tenantId: 'planted', action: 'race', jobId: randomUUIDv7() };
  const written = new Map<string, WrittenEvent>();
  const events = plantedEvents(ref);
  const guarded = async (event: (typeof events)[number], expectedVersion: number) => {
    const outcome = await bus.jobs.append({ ref, event, expectedVersion });
    if (outcome.kind !== 'appended') throw new Error('nobody else writes to this job');
    const { version } = outcome;
    written.set(event.id, { expectedVersion, outcome: { kind: 'acknowledged', version } });
    return version;
  };
  const [requested, started, unguarded] = events;
  const requestedVersion = await guarded(requested, 0);
  await guarded(started, requestedVersion);
  // Its writer believes that nothing has happened since the request, and does not make the server check.
  await connectionOf(bus).request(eventSubject(ref, unguarded), JSON.stringify(unguarded));
  written.set(unguarded.id, { expectedVersion: requestedVersion, outcome: { kind: 'unknown' } });

  const log = await readWholeLog(bus);
  const stored = log.filter(({ ref: { jobId } }) => jobId === ref.jobId).map(storedOf);
  expect(checkChains(stored, written)).toEqual([
    { kind: 'broken_link', jobId: ref.jobId, detail: expect.stringContaining(unguarded.id) },
  ]);
});

/** Plays job after job, several at once, and repeatedly takes the leader away, one fault at a time. */
async function raceForJobs(chaos: LeaderChaos, race: (ref: JobRef) => Promise<void>): Promise<number> {
  const endAtMs = performance.now() + SECONDS * 1_000;
  let begun = 0;
  let ended = 0;
  let disturbance: Promise<void> | undefined;
  const disturb = async () => {
    if (chaos.kills < KILLS && ended >= (JOBS * (chaos.kills + 1)) / (KILLS + 1)) await chaos.killLeader();
    else await chaos.stepDown();
    disturbance = undefined;
  };
  const lane = async () => {
    const isDisturbed = () => chaos.kills >= KILLS && chaos.stepDowns >= STEP_DOWNS;
    while (begun < JOBS || performance.now() < endAtMs || !isDisturbed()) {
      begun += 1;
      await race({ tenantId: 'chain', action: 'race', jobId: randomUUIDv7() });
      ended += 1;
      disturbance ??= disturb();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  await disturbance;
  return ended;
}

function plantedEvents(ref: JobRef) {
  const envelope = () =>
    ({ id: randomUUIDv7(), jobId: ref.jobId, source: '/errand/e2e', timeMs: Date.now() }) as const;
  const request = {
    tenant_id: ref.tenantId,
    action: ref.action,
    action_version: '1',
    resource: {},
    input: {},
    metadata: {},
    source: 'api',
    requested_by: 'e2e',
    finish_by: new Date(Date.now() + 3_600_000).toISOString(),
  } as const;
  const progress = { attempt: 1, percent: 50 };
  return [
    toJobEvent({ type: 'JobRequested', data: request }, envelope()),
    toJobEvent({ type: 'JobStarted', data: { attempt: 1, executor_id: 'e2e' } }, envelope()),
    toJobEvent({ type: 'JobProgressed', data: progress }, envelope()),
  ] as const;
}

function storedOf({ ref, version, event }: RecordedEvent): StoredEvent {
  return { jobId: ref.jobId, version, eventId: event.id, type: event.type };
}

function connect(name: string): Promise<Bus> {
  return openBus({ servers: cluster.urls.join(), name, topology: TOPOLOGY });
}

function numberOf(variable: string, standard: number): number {
  return Number(process.env[variable] || standard);
}
