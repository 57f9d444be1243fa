import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openDatabase } from '@errand/postgres';
import { waitUntil } from '@errand/testkit';
import { sql } from 'kysely';
import { type BenchSystem, startBenchSystem } from '../harness/bench-system.ts';
import { percentile, round } from '../harness/percentile.ts';

/** Slots of the executor: the action's default. */
const SLOTS = 16;
const SMALL_TENANTS = 99;
const BATCH = 1_000;
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
  readonly turns: boolean;
  readonly alone_p99_ms: number;
  readonly beside_p99_ms: number;
  readonly ratio: number;
  readonly jobs_per_s: number | undefined;
}

/** How long one job each of 99 tenants takes beside all that one tenant sends, with turns and without. */
export async function benchFairness(): Promise<object> {
  const rows: Figures[] = [];
  for (const turns of [true, false]) {
    await using system = await startBenchSystem(
      [
        { name: 'gateway' },
        {
          name: 'executor',
          mainFile: fileURLToPath(new URL('../actions/wait-executor.ts', import.meta.url)),
        },
        { name: 'projection' },
        { name: 'webhooks' },
      ],
      { ERRAND_TURNS: String(turns), ERRAND_REQUESTS_PER_KEY: '10000' },
    );
    await makeTenants(system);
    await small(system, 1);
    for (const load of LOADS) {
      const row = await measure(system, load, turns);
      rows.push(row);
      console.log(
        `${load.name.padEnd(26)} turns ${turns ? 'on ' : 'off'}  small tenants' p99 alone ${row.alone_p99_ms} ms, ` +
          `beside it ${row.beside_p99_ms} ms: ${row.ratio} x` +
          (row.jobs_per_s === undefined ? '' : `; ${row.jobs_per_s} jobs a second in all`),
      );
    }
  }
  const throughput = LOADS.filter(({ isMeasured }) => isMeasured).map(({ name }) => {
    const [on = 0, off = 1] = [true, false].map(
      (turns) => rows.find((row) => row.load === name && row.turns === turns)?.jobs_per_s,
    );
    console.log(`${name.padEnd(26)} throughput with turns ${round(on / off, 2)} x that without`);
    return { load: name, ratio: round(on / off, 3) };
  });
  return { rows, throughput };
}

async function measure(system: BenchSystem, load: Load, turns: boolean): Promise<Figures> {
  const alone = await small(system, load.ms);
  const beganMs = Date.now();
  await send(system, load);
  await sleep(HEAD_START_MS + (load.startAfterMs ?? 0));
  const beside = await small(system, load.ms);
  const smallEndedMs = Date.now();
  const sentBefore = LOADS.slice(0, LOADS.indexOf(load)).reduce((sum, { jobs }) => sum + jobs, 0);
  const tookMs = Math.max(smallEndedMs, await untilEnded(system, sentBefore + load.jobs)) - beganMs;
  const jobs = load.jobs + SMALL_TENANTS;
  const figure = load.isMeasured ? round((jobs * 1_000) / tookMs, 1) : undefined;
  return {
    load: load.name,
    turns,
    alone_p99_ms: round(alone, 0),
    beside_p99_ms: round(beside, 0),
    ratio: round(beside / alone, 2),
    jobs_per_s: figure,
  };
}

const headersOf = ({ adminKey }: BenchSystem) => ({
  authorization: `Bearer ${adminKey}`,
  'content-type': 'application/json',
});

const smallTenants = Array.from({ length: SMALL_TENANTS }, (_, place) => `small-${place}`);

async function makeTenants(system: BenchSystem): Promise<void> {
  for (const tenant of ['big', ...smallTenants]) {
    const made = await fetch(`${system.url}/admin/tenants/${tenant}`, {
      method: 'PUT',
      headers: headersOf(system),
    });
    if (!made.ok) throw new Error(`the tenant was not made: ${made.status}`);
  }
}

/** The 99th percentile of one job of each small tenant, from the request to its end, in milliseconds. */
async function small(system: BenchSystem, ms: number): Promise<number> {
  const took = await Promise.all(
    smallTenants.map(async (tenant) => {
      const begun = performance.now();
      const answer = await fetch(`${system.url}/v2/tenants/${tenant}/wait/run`, {
        method: 'POST',
        headers: { ...headersOf(system), prefer: 'wait=60' },
        body: JSON.stringify({ ms }),
      });
      const { job_id: jobId } = (await answer.json()) as { job_id: string };
      if (answer.status === 200) return performance.now() - begun;
      if (answer.status !== 202) throw new Error(`a small tenant was answered ${answer.status}`);
      // It took longer than the longest wait.
      const status = `${system.url}/v2/tenants/${tenant}/wait/status?job_id=${jobId}&wait=60`;
      for (;;) {
        const asked = await fetch(status, { headers: headersOf(system) });
        const { finished_at: finishedAt } = (await asked.json()) as { finished_at: string | null };
        if (finishedAt) return performance.now() - begun;
      }
    }),
  );
  return percentile(took, 0.99);
}

async function send(system: BenchSystem, load: Load): Promise<void> {
  const { ms, jobs, failures = 0, startAfterMs } = load;
  const _job =
    startAfterMs === undefined ? {} : { start_after: new Date(Date.now() + startAfterMs).toISOString() };
  for (let sent = 0; sent < jobs; sent += BATCH) {
    const items = Array.from({ length: Math.min(BATCH, jobs - sent) }, () => ({ ms, failures, _job }));
    const answer = await fetch(`${system.url}/v2/tenants/big/wait/run-batch`, {
      method: 'POST',
      headers: headersOf(system),
      body: JSON.stringify({ items }),
    });
    if (answer.status !== 202) throw new Error(`the big tenant was answered ${answer.status}`);
  }
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
