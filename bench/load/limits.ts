import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { TenantLimits } from '@errand/contracts';
import { startBenchSystem } from '../harness/bench-system.ts';
import { readNumbers } from '../harness/options.ts';
import { percentile, round } from '../harness/percentile.ts';
import { makeTenant, run, runAndWait, type Tenant } from '../harness/tenants.ts';
import type { AttackOrder } from './attacks.ts';
import { type RunningAttack, startAttack } from './start-attack.ts';

const NEIGHBOURS = 10;
/** The pause between the runs of one neighbour. */
const EVERY_MS = 100;
const SETTLE_MS = 1_000;

/** What the tenant is limited to that asks for more. */
const LIMITS: Readonly<Record<string, TenantLimits>> = {
  runs_per_second: { runs_per_second: 20 },
  max_queued: { max_queued: 100, max_running: 2 },
};

/** In milliseconds, from the request. */
interface Took {
  /** To the answers of runs. */
  readonly answered: number[];
  /** To the ends of jobs. */
  readonly ended: number[];
}

/**
 * What ten tenants' runs take beside a tenant that has reached a limit and asks for more, on 10 connections without a
 * pause, in turns with being alone: `--rounds <n>` of both, `--seconds <n>` each.
 */
export async function measureLimits(args: readonly string[]): Promise<object[]> {
  const { rounds, seconds } = readNumbers(args, { rounds: 5, seconds: 10 });
  const executor = fileURLToPath(new URL('../actions/wait-executor.ts', import.meta.url));
  await using system = await startBenchSystem([
    { name: 'gateway' },
    { name: 'executor', mainFile: executor },
    { name: 'projection' },
    { name: 'webhooks' },
  ]);
  const neighbours: Tenant[] = [];
  for (let each = 0; each < NEIGHBOURS; each++) {
    neighbours.push(await makeTenant(system, `neighbour-${each}`));
  }
  await measure(neighbours, seconds);
  const rows: object[] = [];
  for (const [attack, limits] of Object.entries(LIMITS)) {
    const order = { ...(await makeTenant(system, attack.replace('_', '-'), limits)), attack };
    const alone: Took = { answered: [], ended: [] };
    const beside: Took = { answered: [], ended: [] };
    const answers: Record<string, number> = {};
    for (let round = 0; round < rounds; round++) {
      add(alone, await measure(neighbours, seconds));
      const attacked = await measureBeside(neighbours, order, seconds);
      add(beside, attacked.took);
      for (const [status, count] of Object.entries(attacked.answers)) {
        answers[status] = (answers[status] ?? 0) + count;
      }
      await sleep(SETTLE_MS);
    }
    rows.push(report(attack, { alone, beside }, perSecond(answers, rounds * seconds)));
  }
  return rows;
}

async function measureBeside(
  neighbours: readonly Tenant[],
  order: AttackOrder,
  seconds: number,
): Promise<{ took: Took; answers: Readonly<Record<string, number>> }> {
  await using attack = await startAttack(order);
  await sleep(SETTLE_MS);
  const before = await attack.answers();
  const took = await measure(neighbours, seconds);
  return { took, answers: await answersSince(attack, before) };
}

async function answersSince(
  attack: RunningAttack,
  before: Readonly<Record<string, number>>,
): Promise<Record<string, number>> {
  const since = Object.entries(await attack.answers()).map(([status, count]) => [
    status,
    count - (before[status] ?? 0),
  ]);
  return Object.fromEntries(since);
}

/** Each neighbour asks for a job that ends at once, and waits for the end of every second one. */
async function measure(neighbours: readonly Tenant[], seconds: number): Promise<Took> {
  const took: Took = { answered: [], ended: [] };
  const untilMs = performance.now() + seconds * 1_000;
  const asking = neighbours.map(async (tenant, place) => {
    await sleep((EVERY_MS * place) / neighbours.length);
    for (let asked = place; performance.now() < untilMs; asked++) {
      if (asked % 2 === 0) took.answered.push(await run(tenant, 'wait', { ms: 0 }));
      else took.ended.push(await runAndWait(tenant, 'wait', { ms: 0 }));
      await sleep(EVERY_MS);
    }
  });
  await Promise.all(asking);
  return took;
}

function add(to: Took, { answered, ended }: Took): void {
  to.answered.push(...answered);
  to.ended.push(...ended);
}

function perSecond(answers: Readonly<Record<string, number>>, seconds: number): Record<string, number> {
  return Object.fromEntries(
    Object.entries(answers).map(([status, count]) => [status, round(count / seconds, 1)]),
  );
}

function report(
  limit: string,
  { alone, beside }: { alone: Took; beside: Took },
  answersPerS: Readonly<Record<string, number>>,
): object {
  const ratios = (['answered', 'ended'] as const).map((what) => {
    const [aloneMs, besideMs] = [alone, beside].map((took) => percentile(took[what], 0.99));
    const ratio = round((besideMs ?? Number.NaN) / (aloneMs ?? Number.NaN), 2);
    console.log(
      `${limit.padEnd(16)} ten others' runs ${what.padEnd(9)} p99 alone ${round(aloneMs ?? Number.NaN, 1)} ms, ` +
        `beside it ${round(besideMs ?? Number.NaN, 1)} ms: ${ratio} x`,
    );
    return [what, { alone_p99_ms: aloneMs, beside_p99_ms: besideMs, ratio }] as const;
  });
  const told = Object.entries(answersPerS).map(([status, count]) => `${status}: ${count}`);
  console.log(`${''.padEnd(16)} it was answered ${told.join(', ')} a second`);
  return { limit, ...Object.fromEntries(ratios), answers_per_s: answersPerS };
}
