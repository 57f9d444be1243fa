import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { type Db, openDatabase } from '@errand/postgres';
import { sql } from 'kysely';
import { Pool } from 'undici';
import { cpuOf, post } from '../contenders/contender.ts';
import { type ErrandContender, startErrand } from '../contenders/errand.ts';
import { median } from '../harness/median.ts';
import { natsTraffic } from '../harness/nats-traffic.ts';
import { round } from '../harness/percentile.ts';
import { writeCalls } from '../harness/process-usage.ts';

const CONNECTIONS = 64;
const ROUNDS = 5;
const JOBS = 2_000;
const WARM_UP_JOBS = 4_000;
const LOOK_MS = 20;
/** Longer than any process lingers. */
const SETTLE_MS = 300;

/**
 * What a job may cost. Counts are what was measured, and some more for what happens once a second. The ratio is that of
 * the CPU of a job, in all processes, to that of the reference loop; it fails beyond `RATIO_MARGIN`.
 */
const LIMITS: Readonly<Record<string, number>> = {
  'messages sent by the gateway': 1.1,
  'messages sent by the executor': 3.6,
  'messages sent by the projection': 0.1,
  'messages sent by the webhooks service': 0.1,
  'messages sent by the scheduler': 0.1,
  'messages received by the gateway': 1.1,
  'messages received by the executor': 3.3,
  'messages received by the projection': 3.2,
  // All events come to it: a filter costs the server more than that.
  'messages received by the webhooks service': 3.2,
  'messages received by the scheduler': 3.1,
  'writes of the gateway': 1.5,
  'writes of the executor': 0.8,
  // A statement of hundreds of rows takes one write or several, as the socket has room.
  'writes of the projection': 1,
  'writes of nats-server': 9,
  'transactions of Postgres': 0.1,
  'syncs of Postgres': 0.1,
};
const RATIO = 3.3;
const RATIO_MARGIN = 1.4;

/**
 * What each job of an action that does nothing costs: messages, writes and transactions, which are counted, and CPU as a
 * ratio to a fixed loop in the same run. With `--check` it fails if that is more than it was.
 */
export async function benchCost(args: readonly string[]): Promise<object> {
  await using resources = new AsyncDisposableStack();
  // The way of jobs that need no turn; `fairness` shows what the others cost.
  const errand = resources.use(await startErrand({ ERRAND_TURNS: 'false' }));
  const db = openDatabase({ url: errand.system.databaseUrl, name: 'bench', poolSize: 1, onError: () => {} });
  resources.defer(() => db.destroy());
  let asked = 0;
  const run = async (jobs: number) => {
    asked += jobs;
    await runJobs(errand, jobs, asked);
  };
  await run(WARM_UP_JOBS);
  const before = await countsOf(errand, db);
  const ratios: number[] = [];
  for (let each = 0; each < ROUNDS; each++) {
    const reference = await referenceCpu();
    const cpuBefore = total(await cpuOf(errand.pids));
    await run(JOBS);
    ratios.push((total(await cpuOf(errand.pids)) - cpuBefore) / JOBS / reference);
  }
  const after = await countsOf(errand, db);
  const counts = Object.fromEntries(
    Object.entries(after).map(([name, count]) => [name, (count - (before[name] ?? 0)) / (ROUNDS * JOBS)]),
  );
  return report(counts, ratios, args.includes('--check'));
}

async function runJobs(errand: ErrandContender, jobs: number, asked: number): Promise<void> {
  const pool = new Pool(errand.url, { connections: CONNECTIONS });
  let left = jobs;
  const ask = async () => {
    while (left-- > 0) await post(pool, errand.run);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, ask));
  while (!(await errand.haveEnded(asked))) await pause(LOOK_MS);
  await pool.close();
  await pause(SETTLE_MS);
}

async function countsOf({ system, pids }: ErrandContender, db: Db): Promise<Record<string, number>> {
  const traffic = await natsTraffic(system.nats.monitorUrl);
  const counts: Record<string, number> = {};
  for (const [client, name] of [
    ['gateway', 'the gateway'],
    ['executor', 'the executor'],
    ['projection', 'the projection'],
    ['webhooks', 'the webhooks service'],
    ['scheduler', 'the scheduler'],
  ] as const) {
    const { sent = 0, received = 0 } = traffic.get(`errand-${client}`) ?? {};
    counts[`messages sent by ${name}`] = sent;
    counts[`messages received by ${name}`] = received;
  }
  for (const [process, name] of [
    ['gateway', 'the gateway'],
    ['executor', 'the executor'],
    ['projection', 'the projection'],
    ['nats', 'nats-server'],
  ] as const) {
    counts[`writes of ${name}`] = await writeCalls(pids[process] ?? 0);
  }
  const { rows } = await sql<{ transactions: number; syncs: number }>`
    select
      (select (xact_commit + xact_rollback)::int from pg_stat_database where datname = current_database()) as transactions,
      (select coalesce(sum(fsyncs), 0)::int from pg_stat_io where object = 'wal') as syncs`.execute(db);
  counts['transactions of Postgres'] = rows[0]?.transactions ?? 0;
  counts['syncs of Postgres'] = rows[0]?.syncs ?? 0;
  return counts;
}

function total(cpu: ReadonlyMap<string, number>): number {
  return [...cpu.values()].reduce((sum, seconds) => sum + seconds, 0);
}

const REFERENCE_TURNS = 1_500;

/** Seconds of CPU for one turn of the fixed loop, with every core at it, as they are while jobs run. */
async function referenceCpu(): Promise<number> {
  const threads = availableParallelism();
  const before = process.cpuUsage();
  const loops = Array.from({ length: threads }, async () => {
    const workerData = { turns: REFERENCE_TURNS };
    await once(new Worker(new URL('./reference-loop.ts', import.meta.url), { workerData }), 'exit');
  });
  await Promise.all(loops);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6 / threads / REFERENCE_TURNS;
}

function report(counts: Record<string, number>, ratios: readonly number[], isCheck: boolean): object {
  const ratio = median(ratios);
  console.log(`\nEach of ${ROUNDS * JOBS} jobs that do nothing, over ${CONNECTIONS} connections:\n`);
  const over: string[] = [];
  const line = (name: string, figure: number, limit: number) => {
    console.log(`${name.padEnd(44)}${figure.toFixed(2).padStart(8)}   at most ${limit.toFixed(2)}`);
    if (figure > limit)
      over.push(`${name}: ${figure.toFixed(2)}, and at most ${limit.toFixed(2)} is allowed`);
  };
  for (const [name, limit] of Object.entries(LIMITS))
    line(name, counts[name] ?? Number.POSITIVE_INFINITY, limit);
  line('CPU, as turns of the reference loop', ratio, RATIO * RATIO_MARGIN);
  console.log(`\nCPU, round by round: ${ratios.map((each) => each.toFixed(2)).join(' ')}\n`);
  if (isCheck && over.length > 0) throw new Error(`a job costs more than it did: ${over.join('; ')}`);
  const rounded = Object.entries(counts).map(([name, count]) => [name, round(count, 3)] as const);
  return { counts: Object.fromEntries(rounded), ratio: round(ratio, 2) };
}
