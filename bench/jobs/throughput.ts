import { setTimeout as pause } from 'node:timers/promises';
import { openBus } from '@errand/bus';
import { DEFAULT_TOPOLOGY } from '@errand/contracts';
import { openDatabase } from '@errand/postgres';
import { Pool } from 'undici';
import { type Call, type Contender, cpuOf, post } from '../contenders/contender.ts';
import { startErrand } from '../contenders/errand.ts';
import { startRivals } from '../contenders/rivals.ts';
import { type CountingReceiver, startCountingReceiver } from '../harness/counting-receiver.ts';
import { fillLog } from '../harness/fill-log.ts';
import { median } from '../harness/median.ts';
import { round } from '../harness/percentile.ts';

const CONNECTIONS = 64;
const ROUNDS = 3;
const JOBS = 3_000;
const BATCH = 500;
const LOOK_MS = 20;
const LIMIT_MS = 120_000;

interface Round {
  readonly jobsPerSecond: number;
  /** Microseconds for each job, by process. */
  readonly cpu: ReadonlyMap<string, number>;
}

/** A contender in one way of being asked for jobs. */
interface Side {
  readonly name: string;
  readonly rounds: Round[];
  /** Asks for jobs, and resolves when the last has ended. */
  run(): Promise<Round>;
}

type Errand = Awaited<ReturnType<typeof startErrand>>;

/**
 * Jobs that do nothing, from the first request until all have ended and can be read: Errand one run a call, in batches
 * and with a webhook endpoint, and its rivals, in turns. `--jobs <n>` fills log and table before; `--alone` leaves the
 * rivals out.
 */
export async function benchThroughput(args: readonly string[]): Promise<object> {
  const filled = args.includes('--jobs') ? Number(args[args.indexOf('--jobs') + 1]) : 0;
  await using resources = new AsyncDisposableStack();
  const errand = resources.use(await startErrand());
  const asked = new Map<Contender, number>([[errand, filled]]);
  if (filled > 0) await fill(errand, filled);
  const rivals = args.includes('--alone') ? [] : await startRivals();
  for (const rival of rivals) resources.use(rival);
  const plain = (contender: Contender) => sideOf(contender, asked, { call: contender.run });
  const items = Array.from({ length: BATCH }, () => ({}));
  const batch = sideOf(errand, asked, {
    name: `${errand.name}, ${BATCH} a call`,
    jobsPerCall: BATCH,
    call: { ...errand.run, path: `${errand.run.path}-batch`, body: JSON.stringify({ items }) },
  });
  const sides = [plain(errand), batch, ...rivals.map(plain)];
  await takeTurns(sides);
  const receiver = resources.use(await startReceiver(errand));
  const askedBefore = asked.get(errand) ?? 0;
  const called = sideOf(errand, asked, {
    name: `${errand.name}, with webhook`,
    call: errand.run,
    isDone: (jobs) => receiver.calls() >= jobs - askedBefore,
  });
  await takeTurns([called]);
  await assertSucceeded(errand, asked.get(errand) ?? 0);
  return report([...sides, called], [errand, ...rivals], filled);
}

async function takeTurns(sides: readonly Side[]): Promise<void> {
  for (const side of sides) await side.run();
  for (let each = 0; each < ROUNDS; each++) {
    for (const side of sides) side.rounds.push(await side.run());
  }
}

/** `asked` counts the jobs that each contender was ever asked for. */
function sideOf(
  contender: Contender,
  asked: Map<Contender, number>,
  way: { name?: string; call: Call; jobsPerCall?: number; isDone?: (jobs: number) => boolean },
): Side {
  const { name = contender.name, call, jobsPerCall = 1, isDone = () => true } = way;
  return {
    name,
    rounds: [],
    async run() {
      const pool = new Pool(contender.url, { connections: CONNECTIONS });
      const before = await cpuOf(contender.pids);
      const begunMs = performance.now();
      let left = JOBS / jobsPerCall;
      const ask = async () => {
        while (left-- > 0) await post(pool, call);
      };
      await Promise.all(Array.from({ length: CONNECTIONS }, ask));
      const jobs = (asked.get(contender) ?? 0) + JOBS;
      asked.set(contender, jobs);
      while (!(isDone(jobs) && (await contender.haveEnded(jobs)))) {
        if (performance.now() - begunMs > LIMIT_MS) throw new Error(`jobs of ${name} have not ended`);
        await pause(LOOK_MS);
      }
      const seconds = (performance.now() - begunMs) / 1_000;
      const after = await cpuOf(contender.pids);
      await pool.close();
      const cpu = [...after].map(
        ([process, used]) => [process, ((used - (before.get(process) ?? 0)) * 1e6) / JOBS] as const,
      );
      return { jobsPerSecond: JOBS / seconds, cpu: new Map(cpu) };
    },
  };
}

/** Writes ended jobs into the log, and waits until the table has them. */
async function fill(errand: Errand, jobs: number): Promise<void> {
  const { url: servers } = errand.system.nats;
  await using bus = await openBus({ servers, name: 'bench', topology: DEFAULT_TOPOLOGY });
  await fillLog(bus, { jobs, events: 3 });
  while (!(await errand.haveEnded(jobs))) await pause(1_000);
}

/** An endpoint of the tenant, which wants to hear of every job and answers at once. */
async function startReceiver({ url, run }: Errand): Promise<CountingReceiver> {
  const receiver = await startCountingReceiver();
  const pool = new Pool(url);
  const body = JSON.stringify({ url: receiver.url });
  await post(pool, { ...run, path: '/v2/tenants/bench/webhooks', body, status: 201 });
  await pool.close();
  return receiver;
}

async function assertSucceeded({ system }: Errand, jobs: number): Promise<void> {
  const db = openDatabase({ url: system.databaseUrl, name: 'bench', poolSize: 1, onError: () => {} });
  const { count } = await db
    .selectFrom('job_summary')
    .where('status', '=', 'succeeded')
    .select(({ fn }) => fn.countAll<string>().as('count'))
    .executeTakeFirstOrThrow();
  await db.destroy();
  if (Number(count) !== jobs) throw new Error(`${jobs} jobs were asked for, ${count} have succeeded`);
}

function report(sides: readonly Side[], contenders: readonly Contender[], filled: number): object {
  const figures = sides.map(({ name, rounds }) => {
    const perProcess = [...(rounds[0]?.cpu.keys() ?? [])].map((process) => {
      return [process, Math.round(median(rounds.map(({ cpu }) => cpu.get(process) ?? 0)))] as const;
    });
    return {
      name,
      jobs_per_second: Math.round(median(rounds.map(({ jobsPerSecond }) => jobsPerSecond))),
      cpu_us_per_job: Math.round(
        median(rounds.map(({ cpu }) => [...cpu.values()].reduce((a, b) => a + b, 0))),
      ),
      cpu_us_by_process: Object.fromEntries(perProcess),
    };
  });
  const [errand] = figures;
  console.log(
    `\nJobs that do nothing, ${JOBS} a round over ${CONNECTIONS} connections, medians of ${ROUNDS} rounds after a warm-up` +
      ` round, in turns; ${filled} jobs were there before.\n`,
  );
  for (const { name, about } of contenders) console.log(`${name.padEnd(18)}${about}`);
  console.log('\n                        jobs/s  of errand   CPU µs/job  of errand   by process');
  const lines = figures.map((each) => {
    const rate = errand ? round(each.jobs_per_second / errand.jobs_per_second, 2) : 1;
    const cpu = errand ? round(each.cpu_us_per_job / errand.cpu_us_per_job, 2) : 1;
    const shares = Object.entries(each.cpu_us_by_process).map(([process, us]) => `${process} ${us}`);
    console.log(
      each.name.padEnd(22) +
        String(each.jobs_per_second).padStart(8) +
        rate.toFixed(2).padStart(11) +
        String(each.cpu_us_per_job).padStart(13) +
        cpu.toFixed(2).padStart(11) +
        `   ${shares.join(', ')}`,
    );
    return { ...each, ratio_rate: rate, ratio_cpu: cpu };
  });
  console.log('');
  return { jobs_before: filled, sides: lines };
}
