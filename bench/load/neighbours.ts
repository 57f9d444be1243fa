import { setTimeout as sleep } from 'node:timers/promises';
import { startBenchSystem } from '../harness/bench-system.ts';
import { percentile } from '../harness/percentile.ts';
import { call, makeTenant, type Tenant, untilServed } from '../harness/tenants.ts';
import { ATTACKS, type AttackOrder, RUN } from './attacks.ts';
import { measureLimits } from './limits.ts';
import { startAttack } from './start-attack.ts';

const SECONDS = 5;
/** The pause between the neighbour's requests. */
const EVERY_MS = 25;
const JOBS = 200;

/**
 * How long tenants' calls take while another one sends as many as it can: beyond its limits, and in the most expensive
 * ways. `--limits` leaves the latter out; see `measureLimits` for `--rounds` and `--seconds`.
 */
export async function benchNeighbours(args: readonly string[]): Promise<object> {
  const isShort = args.includes('--limits');
  const limits = await measureLimits(args.filter((each) => each !== '--limits'));
  return { limits, ...(isShort ? {} : { attacks: await measureAttacks() }) };
}

async function measureAttacks(): Promise<object[]> {
  const names = ['gateway', 'executor', 'projection', 'webhooks'] as const;
  await using system = await startBenchSystem(
    names.map((name) => ({
      name,
      ...(name === 'executor'
        ? { mainFile: new URL('../actions/noop-executor.ts', import.meta.url).pathname }
        : {}),
    })),
  );
  const neighbour = await makeTenant(system, 'neighbour');
  const attacker = await makeTenant(system, 'attacker');
  await untilServed(neighbour, 'noop');
  for (const tenant of [neighbour, attacker]) await fill(tenant);
  await measure(neighbour);
  const rows: { attack: string; alone_p95_ms: number; beside_p95_ms: number; ratio: number }[] = [];
  for (const attack of ATTACKS) {
    const alone = await measure(neighbour);
    const beside = await measureBeside(neighbour, { ...attacker, attack });
    const ratio = Math.round((beside / alone) * 100) / 100;
    rows.push({ attack, alone_p95_ms: alone, beside_p95_ms: beside, ratio });
    console.log(`${attack.padEnd(44)} alone p95 ${alone} ms, beside it ${beside} ms: ${ratio} x`);
    await sleep(2_000);
  }
  return rows;
}

async function measureBeside(neighbour: Tenant, order: AttackOrder): Promise<number> {
  await using _attack = await startAttack(order);
  await sleep(500);
  return await measure(neighbour);
}

/** The 95th percentile of a run and a list in turn, in milliseconds. */
async function measure(tenant: Tenant): Promise<number> {
  const took: number[] = [];
  const until = performance.now() + SECONDS * 1_000;
  for (let asked = 0; performance.now() < until; asked++) {
    const begun = performance.now();
    const answer =
      asked % 2 === 0 ? await call(tenant, 'POST', RUN, '{}') : await call(tenant, 'GET', 'jobs?limit=10');
    await answer.arrayBuffer();
    took.push(performance.now() - begun);
    if (!answer.ok) throw new Error(`the neighbour was answered ${answer.status}`);
    await sleep(EVERY_MS);
  }
  return Math.round(percentile(took, 0.95) * 10) / 10;
}

async function fill(tenant: Tenant): Promise<void> {
  const items = Array.from({ length: JOBS }, () => ({}));
  const answer = await call(tenant, 'POST', 'noop/run-batch', JSON.stringify({ items }));
  if (answer.status !== 202) throw new Error(`the jobs were not taken: ${answer.status}`);
}
