import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openBus } from '@errand/bus';
import { DEFAULT_TOPOLOGY } from '@errand/contracts';
import { startBenchSystem } from '../harness/bench-system.ts';
import { readNumbers } from '../harness/options.ts';
import { round } from '../harness/percentile.ts';
import { makeTenant, runAndWait, runMany, type Tenant } from '../harness/tenants.ts';
import { type Attempt, readAttempts, slotSeconds } from './attempts.ts';

/** Tenants that have more jobs than there are slots all the time. Long jobs are sent first, which takes least time. */
const BIG = [
  { name: 'long', ms: 2_000, weight: 2 },
  { name: 'middle', ms: 200, weight: 1 },
  { name: 'short', ms: 20, weight: 1 },
] as const;
const LATE = { name: 'late', weight: 1 };
/** Sending takes up to so long. */
const SPARE_S = 40;

interface Share {
  readonly tenant: string;
  readonly weight: number;
  readonly slot_s: number;
  /** Of the slots' time that all used. */
  readonly share: number;
  readonly fair_share: number;
  readonly ratio: number;
}

/**
 * What share of the slots' time tenants with weights 1, 1 and 2 get whose jobs take 20 ms, 200 ms and 2 s; and how soon
 * one that comes late gets its own share. `--slots`, `--warm-up-s`, `--window-s`; `--late-jobs` of `--late-ms` each, for
 * `--late-s`. Times are those of the events in the log.
 */
export async function benchWeights(args: readonly string[]): Promise<object> {
  const options = readNumbers(args, {
    slots: 8,
    'warm-up-s': 20,
    'window-s': 60,
    'late-jobs': 1_000,
    'late-ms': 50,
    'late-s': 20,
  });
  const { slots, 'window-s': windowS, 'late-ms': lateMs, 'late-s': lateS } = options;
  await using resources = new AsyncDisposableStack();
  const executor = fileURLToPath(new URL('../actions/wait-executor.ts', import.meta.url));
  const system = resources.use(
    await startBenchSystem([{ name: 'gateway' }, { name: 'executor', mainFile: executor }], {
      ERRAND_BENCH_SLOTS: String(slots),
    }),
  );
  const topology = DEFAULT_TOPOLOGY;
  const bus = resources.use(await openBus({ servers: system.nats.url, name: 'bench', topology }));
  const tenants = new Map<string, Tenant>();
  for (const { name, weight } of [...BIG, LATE]) {
    tenants.set(name, await makeTenant(system, name, { weight }));
  }
  const late = tenantOf(tenants, LATE.name);
  await runAndWait(late, 'wait', { ms: 1 });

  const queued = new Map<string, number>();
  for (const { name, ms } of BIG) {
    // As many as all slots could run.
    const jobs = Math.ceil((slots * 1_000 * (options['warm-up-s'] + windowS + lateS + SPARE_S)) / ms);
    queued.set(name, jobs);
    await runMany(tenantOf(tenants, name), 'wait', jobs, { ms });
  }
  await sleep(options['warm-up-s'] * 1_000);
  const fromMs = Date.now();
  await sleep(windowS * 1_000);
  const lateFromMs = Date.now();
  await runMany(late, 'wait', options['late-jobs'], { ms: lateMs });
  const sentMs = Date.now() - lateFromMs;
  await sleep(lateS * 1_000 - sentMs);

  const attempts = Map.groupBy(await readAttempts(bus), ({ tenantId }) => tenantId);
  for (const [name, jobs] of queued) {
    if ((attempts.get(name)?.length ?? 0) >= jobs) throw new Error(`the tenant ${name} ran out of jobs`);
  }
  const window = sharesOf(attempts, BIG, { fromMs, toMs: fromMs + windowS * 1_000 });
  console.log(
    `\n${slots} slots, ${windowS} s after ${options['warm-up-s']} s: they were in use for ` +
      `${round((100 * sum(window)) / (slots * windowS), 0)} % of the time\n`,
  );
  print(window);

  const ofLate = (attempts.get(LATE.name) ?? []).filter(({ startedMs }) => startedMs >= lateFromMs);
  const [first] = ofLate;
  if (!first) throw new Error('no job of the late tenant has begun');
  // It competes for as long as it has jobs.
  const isDone = ofLate.length === options['late-jobs'];
  const lastMs = Math.max(...ofLate.map(({ startedMs }) => startedMs));
  const toMs = Math.min(lateFromMs + lateS * 1_000, isDone ? lastMs : Number.POSITIVE_INFINITY);
  const firstMs = first.startedMs - lateFromMs;
  const afterwards = sharesOf(attempts, [...BIG, LATE], { fromMs: lateFromMs, toMs });
  console.log(
    `\n${options['late-jobs']} jobs of ${lateMs} ms of a late tenant, sent in ${sentMs} ms: the first began after ` +
      `${firstMs} ms; the first ${round((toMs - lateFromMs) / 1_000, 1)} s:\n`,
  );
  print(afterwards);
  console.log('');
  return {
    slots,
    seconds: windowS,
    shares: window,
    late: {
      jobs: options['late-jobs'],
      sent_ms: sentMs,
      first_ms: firstMs,
      seconds: round((toMs - lateFromMs) / 1_000, 1),
      shares: afterwards,
    },
  };
}

function tenantOf(tenants: ReadonlyMap<string, Tenant>, name: string): Tenant {
  const tenant = tenants.get(name);
  if (!tenant) throw new Error(`there is no tenant ${name}`);
  return tenant;
}

function sharesOf(
  attempts: ReadonlyMap<string, readonly Attempt[]>,
  tenants: readonly { readonly name: string; readonly weight: number }[],
  { fromMs, toMs }: { fromMs: number; toMs: number },
): Share[] {
  const used = tenants.map(({ name }) => slotSeconds(attempts.get(name) ?? [], fromMs, toMs));
  const all = used.reduce((total, each) => total + each, 0);
  const weights = tenants.reduce((total, { weight }) => total + weight, 0);
  return tenants.map(({ name, weight }, each) => {
    const share = (used[each] ?? 0) / all;
    const fair = weight / weights;
    return {
      tenant: name,
      weight,
      slot_s: round(used[each] ?? 0, 1),
      share: round(share, 3),
      fair_share: round(fair, 3),
      ratio: round(share / fair, 2),
    };
  });
}

function sum(shares: readonly Share[]): number {
  return shares.reduce((total, { slot_s }) => total + slot_s, 0);
}

function print(shares: readonly Share[]): void {
  console.log('tenant    weight   slot-seconds    share   fair share   ratio');
  for (const each of shares) {
    const { tenant, weight, slot_s, share, fair_share, ratio } = each;
    console.log(
      `${tenant.padEnd(8)}${String(weight).padStart(8)}${slot_s.toFixed(1).padStart(15)}` +
        `${share.toFixed(3).padStart(9)}${fair_share.toFixed(3).padStart(13)}${ratio.toFixed(2).padStart(8)}`,
    );
  }
}
