import { fileURLToPath } from 'node:url';
import { type Bus, openBus } from '@errand/bus';
import { connectionOf } from '@errand/bus/testing';
import {
  BUCKETS,
  DEFAULT_TOPOLOGY,
  JOBS_STREAM,
  LogPosition,
  PROJECTION_READER,
  RebuildProgress,
} from '@errand/contracts';
import { openDatabase } from '@errand/postgres';
import { waitUntil } from '@errand/testkit';
import { sql } from 'kysely';
import { type BenchSystem, startBenchSystem, stopProcess } from '../harness/bench-system.ts';
import { compareWithLog } from '../harness/compare-with-log.ts';
import { copyRows } from '../harness/copy-rows.ts';
import { round } from '../harness/percentile.ts';
import { cpuSeconds, residentMb } from '../harness/process-usage.ts';
import { startTraffic } from '../harness/status-traffic.ts';
import { writeHistory } from '../harness/write-history.ts';

const EVENTS = Number(process.env.ERRAND_BENCH_EVENTS || 1_000_000);
const RUNS_PER_S = Number(process.env.ERRAND_BENCH_RUNS_PER_S || 200);
const WARM_UP_MS = 3_000;
const REBUILD_PATH = '/admin/projections/job_summary/rebuild';
const OVER_MS = 900_000;

/**
 * Drops job_summary under load and rebuilds it: how fast that is, under load and at rest, compared with a COPY of the
 * same rows into the same table; whether any status call got a wrong answer meanwhile; and whether the table matches an
 * independent fold of the log.
 */
export async function benchRebuild(): Promise<object> {
  await using resources = new AsyncDisposableStack();
  const executor = fileURLToPath(new URL('../actions/noop-executor.ts', import.meta.url));
  const system = resources.use(
    await startBenchSystem([
      { name: 'gateway' },
      { name: 'executor', mainFile: executor },
      { name: 'projection' },
    ]),
  );
  const bus = resources.use(
    await openBus({ servers: system.nats.url, name: 'bench', topology: DEFAULT_TOPOLOGY }),
  );
  const db = openDatabase({
    url: system.databaseUrl,
    name: 'bench',
    poolSize: 2,
    statementTimeoutMs: 600_000,
  });
  resources.defer(() => db.destroy());

  const history = await writeHistory(bus, { tenantId: 'bench', action: 'nobody_runs_it', events: EVENTS });
  console.log(`\n${history.events} events of ${history.jobs} jobs are in the log`);
  await untilAtRest(bus);
  const idleMb = await residentMb(system.pids.projection as number);

  const traffic = await startTraffic({ system, runsPerS: RUNS_PER_S, endedJobs: history.sample });
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
  await sql`drop table job_summary`.execute(db);
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
  const underLoad = await rebuildNow(system);
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
  const answers = await traffic.stop();
  await untilAtRest(bus);
  const compared = await compareWithLog(bus, db);
  const cpuBefore = await cpuOf(system);
  const atRest = await rebuildNow(system);
  const cpuAfter = await cpuOf(system);
  const peakMb = await residentMb(system.pids.projection as number);
  const comparedAgain = await compareWithLog(bus, db);
  // It would mistake the COPY's table for one that a rebuild has left behind.
  const projection = system.processes.get('projection');
  if (projection) await stopProcess(projection);
  const copied = await copyRows(system.databaseUrl, db);
  const { events } = atRest;
  const ratio = round(copied.seconds / atRest.seconds, 3);
  const ratioIndexesAfter = round(copied.seconds_indexes_after / atRest.seconds, 3);
  const usedBy = (name: string) => (cpuAfter[name] ?? 0) - (cpuBefore[name] ?? 0);
  const cpuUs = PROCESSES.map((name) => [name, round((usedBy(name) / events) * 1e6, 1)]);

  console.log(`\nunder ${RUNS_PER_S} runs/s   ${line(underLoad, compared.jobs)}`);
  console.log(`at rest            ${line(atRest, copied.rows)}`);
  console.log(`COPY of its rows   ${line({ events, seconds: copied.seconds }, copied.rows)}`);
  const indexedAfter = { events, seconds: copied.seconds_indexes_after };
  console.log(`  indexed after it ${line(indexedAfter, copied.rows)}`);
  console.log(
    `time of the COPY / time of the rebuild at rest: ${ratio}; indexed after it ${ratioIndexesAfter}`,
  );
  console.log(`CPU at rest, us an event: ${cpuUs.map((each) => each.join(' ')).join(', ')}`);
  console.log(`status answers: ${JSON.stringify(answers)}`);
  console.log(`rows that differ from the fold: ${compared.differing} and ${comparedAgain.differing}`);
  console.log(
    `projection's memory, MB: at most (VmHWM) ${round(idleMb.peak, 0)} before, ${round(peakMb.peak, 0)} in all\n`,
  );
  return {
    history_events: history.events,
    under_load: underLoad,
    at_rest: atRest,
    copy: copied,
    ratio,
    ratio_indexes_after: ratioIndexesAfter,
    cpu_us_per_event: Object.fromEntries(cpuUs),
    answers,
    compared,
    compared_again: comparedAgain,
    peak_mb: round(peakMb.peak, 0),
  };
}

/** The processes that a rebuild keeps busy. */
const PROCESSES = ['projection', 'nats', 'postgres'];

/** CPU seconds that each has used so far. */
async function cpuOf(system: BenchSystem): Promise<Record<string, number>> {
  const used = PROCESSES.map(async (name) => [name, await cpuSeconds(system.pids[name] as number)] as const);
  return Object.fromEntries(await Promise.all(used));
}

interface Figures {
  events: number;
  seconds: number;
}

/** Prints a rebuild and a COPY that end with the same rows by the same measures. */
function line({ events, seconds }: Figures, rows: number): string {
  const perS = (count: number) => Math.round(count / seconds);
  return `${events} events, ${rows} rows in ${seconds} s = ${perS(events)} events/s, ${perS(rows)} rows/s`;
}

async function rebuildNow(system: BenchSystem): Promise<Figures> {
  const headers = { authorization: `Bearer ${system.adminKey}` };
  const started = await fetch(system.url + REBUILD_PATH, { method: 'POST', headers });
  if (started.status !== 202) throw new Error(`the rebuild was not started: ${await started.text()}`);
  const done = await waitUntil(
    async () => {
      const answer = await fetch(system.url + REBUILD_PATH, { headers });
      const progress = RebuildProgress.parse(await answer.json());
      return progress.state === 'done' ? progress : undefined;
    },
    { timeoutMs: OVER_MS, intervalMs: 500 },
  );
  const seconds = (Date.parse(done.ended_at ?? '') - Date.parse(done.started_at)) / 1_000;
  return { events: done.events, seconds: round(seconds, 1) };
}

/** Waits until every job has ended and every event is in the table. */
async function untilAtRest(bus: Bus): Promise<void> {
  const patience = { timeoutMs: OVER_MS, intervalMs: 500 };
  const positions = await bus.buckets.open(BUCKETS.positions, LogPosition);
  await waitUntil(async () => {
    const subject = `$JS.API.CONSUMER.INFO.${JOBS_STREAM}.executor-noop-0`;
    const answer = await connectionOf(bus).request(subject, '', { timeout: 5_000 });
    const info = answer.json<{ num_pending: number; num_ack_pending: number }>();
    return info.num_pending === 0 && info.num_ack_pending === 0;
  }, patience);
  await waitUntil(async () => {
    const [newest, { version = 0 } = {}] = await Promise.all([
      bus.jobs.lastEvent(),
      positions.get(PROJECTION_READER.name),
    ]);
    return version >= newest;
  }, patience);
}
