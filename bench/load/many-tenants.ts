import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Bus, openBus } from '@errand/bus';
import { DEFAULT_TOPOLOGY, storedSubject } from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { type AnotherProcess, type BenchSystem, startBenchSystem } from '../harness/bench-system.ts';
import { readMetric } from '../harness/metrics.ts';
import { readNumbers } from '../harness/options.ts';
import { percentile, round } from '../harness/percentile.ts';
import { cpuSeconds, residentMb } from '../harness/process-usage.ts';
import { call, makeTenant, run, runAndWait, runMany, type Tenant } from '../harness/tenants.ts';

const LANES = 16;
/** A queue that is short in comparison. */
const FEW_JOBS = 2_000;
/** A log of a million jobs takes a while to read. */
const READ_MS = 900_000;
const LOOK_MS = 10;
const TAKEOVER_MS = 60_000;
const DRAIN_MS = 600_000;

interface Stage {
  readonly stage: string;
  readonly seconds: number;
  readonly cpu_s: Readonly<Record<Watched, number>>;
  readonly mb: Readonly<Record<Watched, number>>;
}

interface Fresh {
  readonly beside: string;
  readonly p50_ms: number;
  readonly max_ms: number;
}

interface Takeover {
  /** Until the new scheduler had read the log, from its start. */
  readonly read_ms: number;
  /** Its memory then. */
  readonly mb: number;
  /** From the old one's kill to the lead, */
  readonly lead_ms: number;
  /** and to the first turn. */
  readonly turn_ms: number;
}

const WATCHED = ['gateway', 'scheduler'] as const;
type Watched = (typeof WATCHED)[number];

/**
 * What gateway and scheduler use with `--tenants <n>` (10,000) tenants that have one queued job each, of an action that is
 * paused, and one tenant with `--jobs <n>` (1,000,000) queued jobs of `--job-ms` (200), which run meanwhile. Beside
 * them, `--fresh <n>` tenants run their first job, one after another. Then the leading scheduler is killed by SIGKILL
 * `--kills <n>` times while another one follows.
 *
 * All jobs are asked for over HTTP, the many in batches, so the gateway's figures include what each cost. Neither
 * projection nor webhooks run: they see each job as often as with one tenant.
 */
export async function benchManyTenants(args: readonly string[]): Promise<object> {
  const options = readNumbers(args, {
    tenants: 10_000,
    jobs: 1_000_000,
    'job-ms': 200,
    fresh: 20,
    'rest-s': 30,
    kills: 3,
  });
  const { tenants: count, jobs, 'job-ms': ms } = options;
  await using resources = new AsyncDisposableStack();
  const executor = fileURLToPath(new URL('../actions/wait-executor.ts', import.meta.url));
  const system = resources.use(
    await startBenchSystem([{ name: 'gateway' }, { name: 'executor', mainFile: executor }], {
      // One tenant has nearly all that the log has.
      ERRAND_JOBS_TENANT_PERCENT: '100',
    }),
  );
  const topology = DEFAULT_TOPOLOGY;
  const bus = resources.use(await openBus({ servers: system.nats.url, name: 'bench', topology }));
  const big = await makeTenant(system, 'big');
  await runAndWait(big, 'wait', { ms: 0 });
  await setPaused(system, true);

  const stages: Stage[] = [];
  const during = async (stage: string, work: () => Promise<unknown>) => {
    const used = await measureStage(system, stage, async () => {
      await work();
      await untilRead(bus);
    });
    stages.push(used);
    printStage(used);
  };
  const fresh: Fresh[] = [];
  const measureFresh = async (beside: string) => {
    fresh.push(await runFresh(system, { beside, count: options.fresh, already: fresh.length }));
  };

  console.log(
    '\n                                   seconds   CPU s: gateway  scheduler   MB: gateway  scheduler',
  );
  await during('at the start', () => sleep(1_000));
  const tenants: Tenant[] = [];
  await during(`${count} tenants and keys made`, () =>
    inLanes(count, LANES, async (place) => {
      tenants.push(await makeTenant(system, `tenant-${place}`));
    }),
  );
  await during('one queued job each', () =>
    inLanes(count, LANES, async (place) => run(tenants[place] as Tenant, 'noop', {})),
  );
  await measureFresh('no other jobs');
  const few = Math.min(FEW_JOBS, jobs);
  await during(`${few} jobs of one tenant`, () => runMany(big, 'wait', few, { ms }));
  await measureFresh(`${few} queued jobs`);
  await during(`${jobs} jobs of one tenant`, () => runMany(big, 'wait', jobs - few, { ms }));
  const queued = await queuedOf(bus, 'big');
  if (queued === 0) throw new Error('the queue has run empty');
  await measureFresh(`${queued} queued jobs`);
  await during(`${options['rest-s']} s of running them`, () => sleep(options['rest-s'] * 1_000));

  printFresh(fresh);
  const takeovers = await killLeaders(system, options.kills);
  const resumedS = await resume(system, bus, count);
  console.log(`\nthe action was resumed: the jobs of ${count} tenants ended in ${resumedS} s\n`);
  return { tenants: count, jobs, queued, stages, fresh, takeovers, resumed_s: resumedS };
}

async function measureStage(
  { pids }: BenchSystem,
  stage: string,
  work: () => Promise<unknown>,
): Promise<Stage> {
  const of = async (read: (pid: number) => Promise<number>) => {
    const [gateway = 0, scheduler = 0] = await Promise.all(WATCHED.map((name) => read(pids[name] as number)));
    return { gateway, scheduler };
  };
  const before = await of(cpuSeconds);
  const begunMs = performance.now();
  await work();
  const after = await of(cpuSeconds);
  const mb = await of(async (pid) => (await residentMb(pid)).now);
  return {
    stage,
    seconds: round((performance.now() - begunMs) / 1_000, 1),
    cpu_s: {
      gateway: round(after.gateway - before.gateway, 2),
      scheduler: round(after.scheduler - before.scheduler, 2),
    },
    mb: { gateway: round(mb.gateway, 0), scheduler: round(mb.scheduler, 0) },
  };
}

/** How long the first job of each of some new tenants takes, which itself takes no time. */
async function runFresh(
  system: BenchSystem,
  { beside, count, already }: { beside: string; count: number; already: number },
): Promise<Fresh> {
  const took: number[] = [];
  for (let each = 0; each < count; each++) {
    const tenant = await makeTenant(system, `fresh-${already}-${each}`);
    took.push(await runAndWait(tenant, 'wait', { ms: 0 }));
  }
  return { beside, p50_ms: round(percentile(took, 0.5), 1), max_ms: round(percentile(took, 1), 1) };
}

/** Each time another scheduler follows before the one that leads is killed. */
async function killLeaders(system: BenchSystem, kills: number): Promise<Takeover[]> {
  console.log(
    '\nscheduler killed   another had read the log in ms      MB   it led after ms   first turn after ms',
  );
  const takeovers: Takeover[] = [];
  let leader = system.processes.get('scheduler');
  for (let kill = 1; kill <= kills; kill++) {
    const begunMs = performance.now();
    const next = await system.startAnother('scheduler');
    await waitUntil(async () => (await fetch(`${next.opsUrl}/readyz`)).ok, { timeoutMs: READ_MS });
    const readMs = performance.now() - begunMs;
    const { now: mb } = await residentMb(next.pid);
    const killedMs = performance.now();
    leader?.kill('SIGKILL');
    const takeover = {
      read_ms: round(readMs, 0),
      mb: round(mb, 0),
      lead_ms: await untilMetric(next, 'errand_turns_leader', killedMs),
      turn_ms: await untilMetric(next, 'errand_released_jobs_total', killedMs),
    };
    takeovers.push(takeover);
    const { read_ms, lead_ms, turn_ms } = takeover;
    console.log(
      `${String(kill).padStart(16)}${String(read_ms).padStart(34)}${String(takeover.mb).padStart(8)}` +
        `${String(lead_ms).padStart(18)}${String(turn_ms).padStart(22)}`,
    );
    leader = next.child;
  }
  return takeovers;
}

async function untilMetric({ opsUrl }: AnotherProcess, name: string, sinceMs: number): Promise<number> {
  const isThere = async () => (await readMetric(opsUrl, name)) > 0;
  await waitUntil(isThere, { timeoutMs: TAKEOVER_MS, intervalMs: LOOK_MS });
  return round(performance.now() - sinceMs, 0);
}

/** Resolves with the seconds until so many jobs of the paused action have ended. */
async function resume(system: BenchSystem, bus: Bus, jobs: number): Promise<number> {
  let ended = 0;
  const stop = bus.jobs.onStored(storedSubject('jobs.*.noop.*.succeeded'), {
    onEvent: () => ended++,
    onGap: () => {},
  });
  const begunMs = performance.now();
  await setPaused(system, false);
  await waitUntil(() => ended >= jobs, { timeoutMs: DRAIN_MS, intervalMs: LOOK_MS });
  stop();
  return round((performance.now() - begunMs) / 1_000, 1);
}

async function setPaused({ url, adminKey }: BenchSystem, isPaused: boolean): Promise<void> {
  const admin = { base: `${url}/admin/actions`, key: adminKey };
  const answer = await call(admin, 'POST', `noop/${isPaused ? 'pause' : 'resume'}`);
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`the action was not paused or resumed: ${answer.status}`);
}

/** Resolves once the scheduler has read all that the log has. */
async function untilRead(bus: Bus): Promise<void> {
  const { lastVersion: version } = await bus.jobs.reach();
  await waitUntil(async () => (await askUsage(bus, 'big', version)) !== undefined, { timeoutMs: READ_MS });
}

async function queuedOf(bus: Bus, tenantId: string): Promise<number> {
  return (await waitUntil(() => askUsage(bus, tenantId, 0))).queued;
}

async function askUsage(bus: Bus, tenant_id: string, version: number) {
  const answer = await bus.commands.askScheduler('usage', { tenant_id, version });
  return answer.kind === 'usage' ? answer : undefined;
}

function printStage({ stage, seconds, cpu_s, mb }: Stage): void {
  console.log(
    `${stage.padEnd(32)}${seconds.toFixed(1).padStart(10)}${cpu_s.gateway.toFixed(2).padStart(17)}` +
      `${cpu_s.scheduler.toFixed(2).padStart(11)}${String(mb.gateway).padStart(14)}${String(mb.scheduler).padStart(11)}`,
  );
}

function printFresh(fresh: readonly Fresh[]): void {
  const [, few, many] = fresh;
  console.log('\nfirst job of a fresh tenant, beside    p50 ms    max ms');
  for (const { beside, p50_ms, max_ms } of fresh) {
    console.log(`${beside.padEnd(36)}${p50_ms.toFixed(1).padStart(9)}${max_ms.toFixed(1).padStart(10)}`);
  }
  console.log(`ratio of p50, many to few: ${round((many?.p50_ms ?? 0) / (few?.p50_ms ?? 1), 2)}`);
}

/** Does work for each place from 0 up to a count, for so many at a time. */
async function inLanes(
  count: number,
  lanes: number,
  work: (place: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
