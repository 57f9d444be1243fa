import { isDeepStrictEqual } from 'node:util';
import { type Bus, openBus } from '@errand/bus';
import type { JobSummary, RecordedEvent } from '@errand/contracts';
import { DEFAULT_TOPOLOGY } from '@errand/contracts';
import { foldJob, type JobState } from '@errand/domain';
import { type Db, openDatabase, stateOfRow } from '@errand/postgres';
import {
  type Receiver,
  startReceiver,
  startTestNats,
  startTestPostgres,
  type TestNats,
  type TestPostgres,
  waitUntil,
} from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Caller, createCaller } from './caller.ts';
import { isEnding } from './chain-check.ts';
import { readWholeLog } from './read-log.ts';
import { type System, startSystem } from './system.ts';

/*
 * Every process of the system is killed once, by SIGKILL and in the middle of its work, while callers keep asking for
 * runs. A server stays away until its phase of the run is over, a service until its supervisor has restarted it.
 *
 * Only a 202 counts as a promise. A caller with another answer, or none, does not know whether there is a job; the test
 * asks for another one, and whatever else the log holds must be as whole as the rest.
 */
const JOBS = Number(process.env.ERRAND_FAULTS_JOBS || 200);
const LANES = 4;
const TAKEOVER_MS = 150_000;
/** What the services provision; another reader must not change it. */
const TOPOLOGY = DEFAULT_TOPOLOGY;

const resources = new AsyncDisposableStack();
let nats: TestNats;
let postgres: TestPostgres;
let system: System;
let caller: Caller;
let receiver: Receiver;
let bus: Bus;
let db: Db;

beforeAll(async () => {
  [nats, postgres] = await Promise.all([startTestNats(), startTestPostgres()]);
  resources.use(nats);
  resources.use(postgres);
  system = resources.use(await startSystem({ natsUrl: nats.url, databaseUrl: postgres.url }));
  receiver = resources.use(await startReceiver());
  caller = resources.use(await createCaller(system, 'faults'));
  bus = resources.use(await openBus({ servers: nats.url, name: 'e2e', topology: TOPOLOGY }));
  db = resources.adopt(openDatabase({ url: postgres.url, name: 'e2e', poolSize: 2 }), (opened) =>
    opened.destroy(),
  );
  await caller.createWebhook({ url: `${receiver.url}/hook`, method: 'POST' });
});

afterAll(() => resources.disposeAsync());

test('every accepted job ends once, is reported and is in the read model, whichever process dies', {
  timeout: 60_000 + TAKEOVER_MS + JOBS * 500,
}, async () => {
  const asked: Asked = { accepted: [], refused: 0, broken: 0 };
  const kills: Kill[] = [
    { name: 'executor', kill: () => system.kill('executor'), restore: async () => {} },
    { name: 'nats', kill: () => nats.kill(), restore: () => nats.restart() },
    { name: 'gateway', kill: () => system.kill('gateway'), restore: async () => {} },
    { name: 'postgres', kill: () => postgres.kill(), restore: () => postgres.restart() },
    { name: 'projection', kill: () => system.kill('projection'), restore: async () => {} },
    { name: 'scheduler', kill: () => system.kill('scheduler'), restore: async () => {} },
    { name: 'webhooks', kill: () => system.kill('webhooks'), restore: async () => {} },
  ];
  for (const [index, kill] of kills.entries()) {
    const until = Math.round((JOBS * (index + 1)) / kills.length);
    await askThrough(asked, until, kill);
    await system.ready();
  }

  const summaries = await untilAllEnded(asked.accepted);
  const log = await untilLogEnded();
  const endings = [...log.values()].map((events) => events.filter(({ event }) => isEnding(event.type)));
  await untilTold(new Set(endings.flat().map(({ event }) => event.id)));
  const rows = await untilProjected(log);

  const told = receiver.requests.map(({ headers }) => headers['webhook-id']);
  const attempts = summaries.map(({ attempt }) => attempt.number);
  console.log('faults', {
    accepted: asked.accepted.length,
    refused: asked.refused,
    broken: asked.broken,
    jobs_in_log: log.size,
    statuses: countOf(summaries.map(({ status }) => status)),
    endings_per_job: countOf(endings.map(({ length }) => length)),
    attempts_per_job: countOf(attempts),
    webhooks: {
      calls: told.length,
      events: new Set(told).size,
      duplicates: told.length - new Set(told).size,
    },
    restarts: system.restarts,
  });

  expect(asked.accepted.filter((jobId) => !log.has(jobId))).toEqual([]);
  expect(endings.filter(({ length }) => length !== 1)).toEqual([]);
  expect(new Set(summaries.map(({ status }) => status))).toEqual(new Set(['succeeded']));
  for (const [jobId, events] of log) expect(rows.get(jobId)).toEqual(foldJob(events));
  expect(rows.size).toBe(log.size);
  // Without these the run proves nothing.
  expect(asked.refused + asked.broken).toBeGreaterThan(0);
  expect(Object.values(system.restarts).every((restarts) => restarts > 0)).toBe(true);
});

interface Asked {
  readonly accepted: string[];
  /** Answers other than 202. */
  refused: number;
  /** Requests whose connection died. */
  broken: number;
}

interface Kill {
  readonly name: string;
  readonly kill: () => Promise<void>;
  readonly restore: () => Promise<void>;
}

/** Callers ask for runs until `until` are accepted in total; in the middle of that something is killed. */
async function askThrough(asked: Asked, until: number, kill: Kill): Promise<void> {
  const from = asked.accepted.length;
  const killAt = from + Math.ceil((until - from) / 2);
  let disturbance: Promise<void> | undefined;
  const disturb = async () => {
    const failuresBefore = asked.refused + asked.broken;
    await kill.kill();
    // It stays away until callers have noticed or, if they need not, have got all they wanted.
    await waitUntil(() => asked.refused + asked.broken > failuresBefore || asked.accepted.length >= until, {
      timeoutMs: 60_000,
    });
    await kill.restore();
  };
  const lane = async () => {
    while (asked.accepted.length < until) {
      await waitUntil(() => ask(asked), { timeoutMs: 60_000 });
      if (asked.accepted.length >= killAt) disturbance ??= disturb();
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  await disturbance;
}

async function ask(asked: Asked): Promise<boolean> {
  try {
    const accepted = await caller.run();
    if (accepted) asked.accepted.push(accepted.job_id);
    else asked.refused += 1;
    return accepted !== undefined;
  } catch {
    asked.broken += 1;
    return false;
  }
}

async function untilAllEnded(jobIds: readonly string[]): Promise<JobSummary[]> {
  const ended = new Map<string, JobSummary>();
  await waitUntil(
    async () => {
      for (const jobId of jobIds.filter((id) => !ended.has(id))) {
        const summary = await caller.status(jobId);
        if (summary.finished_at !== null) ended.set(jobId, summary);
      }
      const waiting = jobIds.filter((id) => !ended.has(id));
      if (waiting.length > 0) throw new Error(`not ended: ${waiting.join(' ')}`);
      return true;
    },
    { timeoutMs: TAKEOVER_MS, intervalMs: 250 },
  );
  return [...ended.values()];
}

/** The log by job id, once every job in it has ended: including jobs whose caller never learned of them. */
async function untilLogEnded(): Promise<Map<string, RecordedEvent[]>> {
  return waitUntil(
    async () => {
      const log = Map.groupBy(await readWholeLog(bus), ({ ref }) => ref.jobId);
      const open = [...log].filter(([, events]) => !events.some(({ event }) => isEnding(event.type)));
      if (open.length > 0) throw new Error(`not ended: ${open.map(([jobId]) => jobId).join(' ')}`);
      return log;
    },
    { timeoutMs: TAKEOVER_MS, intervalMs: 1_000 },
  );
}

async function untilTold(eventIds: ReadonlySet<string>): Promise<void> {
  await waitUntil(
    () => {
      const told = new Set(receiver.requests.map(({ headers }) => headers['webhook-id']));
      const untold = [...eventIds].filter((id) => !told.has(id));
      if (untold.length > 0) throw new Error(`endings not told: ${untold.join(' ')}`);
      return true;
    },
    { timeoutMs: 60_000 },
  );
}

/**
 * The read model by job id, once it has caught up with the log. An earlier event may reach a row after a later one,
 * since a killed projection leaves it to another one for a while. So whole rows are compared.
 */
async function untilProjected(log: ReadonlyMap<string, RecordedEvent[]>): Promise<Map<string, JobState>> {
  return waitUntil(
    async () => {
      const rows = await db.selectFrom('job_summary').selectAll().execute();
      const states = new Map(rows.map((row) => [row.job_id, stateOfRow(row)]));
      const behind = [...log].filter(
        ([jobId, events]) => !isDeepStrictEqual(states.get(jobId), foldJob(events)),
      );
      if (behind.length > 0)
        throw new Error(`rows behind the log: ${behind.map(([jobId]) => jobId).join(' ')}`);
      return states;
    },
    { timeoutMs: 60_000 },
  );
}

function countOf(values: readonly (string | number)[]): Record<string, number> {
  const groups = Map.groupBy(values, (value) => String(value));
  return Object.fromEntries([...groups].map(([value, { length }]) => [value, length]));
}
