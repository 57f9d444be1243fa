import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openBus } from '@errand/bus';
import { BUCKETS, DEFAULT_TOPOLOGY, Schedule, storedSubject } from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { type BenchSystem, startBenchSystem } from '../harness/bench-system.ts';
import { readNumbers } from '../harness/options.ts';
import { percentile, round } from '../harness/percentile.ts';
import { cpuSeconds, residentMb } from '../harness/process-usage.ts';

const AT_ONCE = 200;
const REST_S = 20;
const LOOK_MS = 2_000;
/** Of one core. */
const REST_PERCENT = 5;
const LONG_MS = 120_000;
const MINUTE_MS = 60_000;

/**
 * What a gateway uses with `--schedules <n>` (100,000) of them that tick once a year, at rest; and how late the jobs of
 * `--burst <n>` (1,000) come that tick with the same minute, until they are in the log and until they have ended.
 * Schedules are written where the gateway keeps them: making one over HTTP is a request like any other.
 */
export async function benchSchedules(args: readonly string[]): Promise<object> {
  const { schedules: count, burst } = readNumbers(args, { schedules: 100_000, burst: 1_000 });
  await using resources = new AsyncDisposableStack();
  const executor = fileURLToPath(new URL('../actions/noop-executor.ts', import.meta.url));
  const system = resources.use(
    await startBenchSystem([{ name: 'gateway' }, { name: 'executor', mainFile: executor }]),
  );
  const topology = DEFAULT_TOPOLOGY;
  const bus = resources.use(await openBus({ servers: system.nats.url, name: 'bench', topology }));
  const bucket = await bus.buckets.open(BUCKETS.schedules, Schedule);
  const put = (crons: Iterable<string>) =>
    inLanes(crons, async (cron) => {
      const schedule = scheduleOf(cron);
      await bucket.put(`bench.${schedule.schedule_id}`, schedule);
    });

  const before = await residentMb(pidOf(system));
  await put(yearly(count));
  const settledS = await untilAtRest(pidOf(system));
  const after = await residentMb(pidOf(system));
  const begun = await cpuSeconds(pidOf(system));
  await sleep(REST_S * 1_000);
  const restPercent = (100 * ((await cpuSeconds(pidOf(system))) - begun)) / REST_S;

  const tickMs = Math.ceil((Date.now() + 20_000) / MINUTE_MS) * MINUTE_MS;
  const at = new Date(tickMs);
  const requested: number[] = [];
  const ended: number[] = [];
  const watch = (subject: string, late: number[]) =>
    bus.jobs.onStored(storedSubject(subject), {
      onEvent: () => late.push(Date.now() - tickMs),
      onGap: () => {},
    });
  const stops = [watch('jobs.*.noop.*.requested.>', requested), watch('jobs.*.noop.*.succeeded', ended)];
  await put(Array.from({ length: burst }, () => `${at.getUTCMinutes()} ${at.getUTCHours()} * * *`));
  const cpuBefore = await cpuSeconds(pidOf(system));
  await waitUntil(() => ended.length >= burst, { timeoutMs: LONG_MS });
  const cpuMs = (1_000 * ((await cpuSeconds(pidOf(system))) - cpuBefore)) / burst;
  for (const stop of stops) stop();

  const late = (of: readonly number[]) => ({
    p50_ms: round(percentile(of, 0.5), 0),
    p99_ms: round(percentile(of, 0.99), 0),
    max_ms: round(percentile(of, 1), 0),
  });
  const report = {
    schedules: count,
    burst,
    settled_s: settledS,
    mb: { without: round(before.now, 0), with: round(after.now, 0) },
    rest_cpu_percent: round(restPercent, 2),
    requested: late(requested),
    ended: late(ended),
    cpu_ms_per_tick: round(cpuMs, 2),
  };
  console.log(`\ngateway with ${count} schedules: ${report.mb.with} MB (without: ${report.mb.without} MB)`);
  console.log(`it knew them ${report.settled_s} s after the last one was written`);
  console.log(`at rest for ${REST_S} s: ${report.rest_cpu_percent} % of one core`);
  console.log(`\n${burst} ticks of one minute        late p50 ms    p99 ms    max ms`);
  for (const [what, { p50_ms, p99_ms, max_ms }] of [
    ['their jobs are in the log', report.requested],
    ['their jobs have ended', report.ended],
  ] as const) {
    console.log(
      `${what.padEnd(30)}${[p50_ms, p99_ms, max_ms].map((ms) => String(ms).padStart(10)).join('')}`,
    );
  }
  console.log(`CPU of the gateway: ${report.cpu_ms_per_tick} ms a tick\n`);
  return report;
}

/** The seconds until a process does next to nothing. */
async function untilAtRest(pid: number): Promise<number> {
  const begunMs = performance.now();
  for (let used = Number.POSITIVE_INFINITY; used * 100_000 > REST_PERCENT * LOOK_MS; ) {
    const before = await cpuSeconds(pid);
    await sleep(LOOK_MS);
    used = (await cpuSeconds(pid)) - before;
  }
  return round((performance.now() - begunMs) / 1_000, 0);
}

function pidOf({ pids }: BenchSystem): number {
  return pids.gateway as number;
}

/** Moments of a year, none of them within the next days. */
function* yearly(count: number): Generator<string> {
  const month = ((new Date().getUTCMonth() + 6) % 12) + 1;
  for (let each = 0; each < count; each++) {
    yield `${each % 60} ${Math.floor(each / 60) % 24} ${1 + (Math.floor(each / 1_440) % 28)} ${month} *`;
  }
}

function scheduleOf(cron: string): Schedule {
  const at = new Date(Date.now() - MINUTE_MS).toISOString();
  return {
    tenant_id: 'bench',
    schedule_id: `sch_${randomBytes(16).toString('hex')}`,
    external_id: null,
    description: '',
    action: 'noop',
    resource: {},
    input: {},
    job: {},
    cron,
    time_zone: 'UTC',
    every_s: null,
    starts_at: null,
    ends_at: null,
    overlap: 'queue',
    catch_up: 'last',
    spread_s: 0,
    paused: false,
    counts_from: at,
    created_by: 'bench',
    actor: 'admin',
    created_at: at,
    updated_at: at,
  };
}

async function inLanes(crons: Iterable<string>, work: (cron: string) => Promise<unknown>): Promise<void> {
  const left = crons[Symbol.iterator]();
  const lane = async () => {
    for (let next = left.next(); !next.done; next = left.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}
