import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openDatabase } from '@errand/postgres';
import { waitUntil } from '@errand/testkit';
import { sql } from 'kysely';
import { type BenchSystem, startBenchSystem } from '../harness/bench-system.ts';
import { readNumbers } from '../harness/options.ts';
import { percentile, round } from '../harness/percentile.ts';
import { makeTenant, runAndWait, runMany, type Tenant } from '../harness/tenants.ts';

/** Slots of the executor: the action's default. */
const SLOTS = 16;
const SMALL_TENANTS = 99;
/** The small tenants send once the big one has so much of a start. */
const HEAD_START_MS = 500;

interface Load {
  readonly name: string;
  /** How long a job holds its slot. */
  readonly ms: number;
  readonly jobs: number;
  readonly failures?: number;
  /** When the big tenant's jobs may start, after they are sent. */
  readonly startAfterMs?: number;
  /** Whether its throughput is told. */
  readonly isMeasured?: boolean;
}

const LOADS: readonly Load[] = [
  { name: 'flood of 20 ms jobs', ms: 20, jobs: 20_000, isMeasured: true },
  { name: 'flood of 2 s jobs', ms: 2_000, jobs: 20 * SLOTS, isMeasured: true },
  { name: 'storm of retries', ms: 20, jobs: 5_000, failures: 2 },
  { name: 'storm of delayed starts', ms: 20, jobs: 5_000, startAfterMs: 4_000 },
];

interface Figures {
  readonly load: string;
  readonly alone_p99_ms: number;
  readonly beside_p99_ms: number;
  readonly ratio: number;
  readonly jobs_per_s: number | undefined;
}

interface Tenants {
  readonly big: Tenant;
  readonly small: readonly Tenant[];
}

/**
 * How long one job each of 99 tenants takes beside all that one tenant sends, with turns and without. `--job-ms <n>`
 * is a short form for long jobs: one flood of jobs of that length, `--jobs <n>` of them, with turns only, and not until
 * it has ended. `--small-tenants <n>` sets how many other tenants there are.
 */
export async function benchFairness(args: readonly string[]): Promise<object> {
  const options = readNumbers(args, {
    'job-ms': undefined,
    jobs: 20 * SLOTS,
    'small-tenants': SMALL_TENANTS,
  });
  const { 'job-ms': ms, jobs, 'small-tenants': smallTenants } = options;
  if (ms !== undefined) {
    const load: Load = { name: `flood of ${jobs} jobs of ${ms} ms`, ms, jobs };
    await using system = await startSystem(true);
    const row = await measure(await makeTenants(system, smallTenants), load);
    print(load, row, true);
    return { small_tenants: smallTenants, rows: [{ turns: true, ...row }] };
  }
  const rows: (Figures & { readonly turns: boolean })[] = [];
  for (const turns of [true, false]) {
    await using system = await startSystem(turns);
    const tenants = await makeTenants(system, smallTenants);
    let sent = 0;
    for (const load of LOADS) {
      sent += load.jobs;
      const until = sent;
      const row = await measure(tenants, load, () => untilEnded(system, until));
      rows.push({ turns, ...row });
      print(load, row, turns);
    }
  }
  const throughput = LOADS.filter(({ isMeasured }) => isMeasured).map(({ name }) => {
    const [on = 0, off = 1] = [true, false].map(
      (turns) => rows.find((row) => row.load === name && row.turns === turns)?.jobs_per_s,
    );
    console.log(`${name.padEnd(26)} throughput with turns ${round(on / off, 2)} x that without`);
    return { load: name, ratio: round(on / off, 3) };
  });
  return { small_tenants: smallTenants, rows, throughput };
}

function startSystem(turns: boolean): Promise<BenchSystem> {
  const executor = fileURLToPath(new URL('../actions/wait-executor.ts', import.meta.url));
  return startBenchSystem(
    [
      { name: 'gateway' },
      { name: 'executor', mainFile: executor },
      { name: 'projection' },
      { name: 'webhooks' },
    ],
    { ERRAND_TURNS: String(turns) },
  );
}

function print(load: Load, row: Figures, turns: boolean): void {
  console.log(
    `${load.name.padEnd(26)} turns ${turns ? 'on ' : 'off'}  small tenants' p99 alone ${row.alone_p99_ms} ms, ` +
      `beside it ${row.beside_p99_ms} ms: ${row.ratio} x` +
      (row.jobs_per_s === undefined ? '' : `; ${row.jobs_per_s} jobs a second in all`),
  );
}

/** `untilEnded` resolves with when the last of the big tenant's jobs has ended, in Unix milliseconds. */
async function measure(
  { big, small }: Tenants,
  load: Load,
  untilEnded?: () => Promise<number>,
): Promise<Figures> {
  const alone = await runEach(small, load.ms);
  const beganMs = Date.now();
  await send(big, load);
  await sleep(HEAD_START_MS + (load.startAfterMs ?? 0));
  const beside = await runEach(small, load.ms);
  const smallEndedMs = Date.now();
  const tookMs = Math.max(smallEndedMs, (await untilEnded?.()) ?? 0) - beganMs;
  const jobs = load.jobs + small.length;
  return {
    load: load.name,
    alone_p99_ms: round(alone, 0),
    beside_p99_ms: round(beside, 0),
    ratio: round(beside / alone, 2),
    jobs_per_s: load.isMeasured ? round((jobs * 1_000) / tookMs, 1) : undefined,
  };
}

async function makeTenants(system: BenchSystem, count: number): Promise<Tenants> {
  const big = await makeTenant(system, 'big');
  const small: Tenant[] = [];
  for (let each = 0; each < count; each++) small.push(await makeTenant(system, `small-${each}`));
  await runEach(small, 1);
  return { big, small };
}

/** The 99th percentile of one job of each tenant, from the request to its end, in milliseconds. */
async function runEach(tenants: readonly Tenant[], ms: number): Promise<number> {
  return percentile(await Promise.all(tenants.map((tenant) => runAndWait(tenant, 'wait', { ms }))), 0.99);
}

function send(big: Tenant, { ms, jobs, failures = 0, startAfterMs }: Load): Promise<void> {
  const startAfter = startAfterMs === undefined ? undefined : new Date(Date.now() + startAfterMs);
  const _job = startAfter === undefined ? {} : { start_after: startAfter.toISOString() };
  return runMany(big, 'wait', jobs, { ms, failures, _job });
}

/** Resolves once so many jobs of the big tenant have ended, with the time of the last end in Unix milliseconds. */
async function untilEnded({ databaseUrl }: BenchSystem, jobs: number): Promise<number> {
  await using db = openDatabase({ url: databaseUrl, name: 'bench', poolSize: 1 });
  return await waitUntil(
    async () => {
      const { rows } = await sql<{ ended: number; last: Date }>`
        select count(*) as ended, max(finished_at) as last from job_summary
        where tenant_id = 'big' and finished_at is not null`.execute(db);
      return rows[0] && Number(rows[0].ended) >= jobs ? rows[0].last.getTime() : undefined;
    },
    { timeoutMs: 600_000, intervalMs: 500 },
  );
}
