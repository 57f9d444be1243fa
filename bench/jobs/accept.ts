import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBus } from '@errand/bus';
import { ActionRecord, BUCKETS, DEFAULT_TOPOLOGY } from '@errand/contracts';
import { recordOf } from '@errand/domain/testing';
import { startNatsServer } from '@errand/local-servers';
import autocannon from 'autocannon';
import { type BenchGateway, startBenchGateway } from '../harness/bench-gateway.ts';
import { median } from '../harness/median.ts';

const ROUNDS = 5;
const SECONDS_PER_ROUND = 4;
const CONNECTIONS = 64;

const INPUT = {
  location: { latitude: 39.74, longitude: -105.18, utc_offset_h: -7 },
  arrays: [{ dc_kw: 6, tilt_deg: 20, azimuth_deg: 180 }],
  inverter: { ac_kw: 5 },
};

interface Round {
  runsPerSecond: number;
  cpuMicrosPerRun: number;
}

/**
 * Requests per second that one gateway answers with 202, and its CPU time for each: once with the append to a real log,
 * and once with an append that does nothing. Both gateways run at the same time and take turns under load.
 */
export async function benchAccept(): Promise<object> {
  const dir = await mkdtemp(join(tmpdir(), 'errand-bench-'));
  const nats = await startNatsServer({ storeDir: join(dir, 'nats'), logFile: join(dir, 'nats.log') });
  const gateways: BenchGateway[] = [];
  try {
    await announce(nats.url);
    const appending = await startBenchGateway({ natsUrl: nats.url, append: 'log' });
    gateways.push(appending);
    const idle = await startBenchGateway({ natsUrl: nats.url, append: 'none' });
    gateways.push(idle);
    await Promise.all([load(appending, 1), load(idle, 1)]);
    const rounds: { withAppend: Round; without: Round }[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      rounds.push({
        withAppend: await load(appending, SECONDS_PER_ROUND),
        without: await load(idle, SECONDS_PER_ROUND),
      });
    }
    return report(rounds);
  } finally {
    for (const gateway of gateways) await gateway.stop();
    await nats.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

/** The gateway checks inputs against the real contract of the simulation; nobody runs the jobs. */
async function announce(natsUrl: string): Promise<void> {
  const topology = DEFAULT_TOPOLOGY;
  await using bus = await openBus({ servers: natsUrl, name: 'bench', topology });
  const { performanceSimulation } = await import(
    join(import.meta.dirname, '..', '..', 'shipped-actions', 'src', 'performance-simulation', 'action.ts')
  );
  const bucket = await bus.buckets.open(BUCKETS.actions, ActionRecord);
  await bucket.put('performance_simulation', recordOf(performanceSimulation.contract));
}

async function load(gateway: BenchGateway, seconds: number): Promise<Round> {
  const cpuBefore = await gateway.cpuMicros();
  const result = await autocannon({
    url: `${gateway.url}/v2/tenants/bench/designs/d-1/performance_simulation/run`,
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(INPUT),
    connections: CONNECTIONS,
    duration: seconds,
  });
  const cpuMicros = (await gateway.cpuMicros()) - cpuBefore;
  const accepted = result.statusCodeStats?.['202']?.count ?? 0;
  if (result.non2xx > 0 || result.errors > 0 || accepted === 0) {
    throw new Error(`not every request was accepted: ${result.non2xx} refused, ${result.errors} errors`);
  }
  return { runsPerSecond: accepted / result.duration, cpuMicrosPerRun: cpuMicros / accepted };
}

function report(rounds: { withAppend: Round; without: Round }[]): object {
  const figures = (side: 'withAppend' | 'without') => ({
    runs_per_second: Math.round(median(rounds.map((round) => round[side].runsPerSecond))),
    cpu_us_per_run: Math.round(median(rounds.map((round) => round[side].cpuMicrosPerRun))),
  });
  const withAppend = figures('withAppend');
  const without = figures('without');
  const ratios = rounds.map((round) => round.withAppend.runsPerSecond / round.without.runsPerSecond);
  const ratio = Math.round(median(ratios) * 1_000) / 1_000;
  console.log(`\n${CONNECTIONS} connections, ${ROUNDS} rounds of ${SECONDS_PER_ROUND} s each, medians\n`);
  console.log('                        accepted runs/s    gateway CPU µs/run');
  for (const [label, { runs_per_second, cpu_us_per_run }] of [
    ['append to the log', withAppend],
    ['no append', without],
  ] as const) {
    console.log(
      `${label.padEnd(22)}${String(runs_per_second).padStart(17)}${String(cpu_us_per_run).padStart(22)}`,
    );
  }
  console.log(
    `\nratio of runs/s, round by round: median ${ratio} of ${ratios.map((r) => r.toFixed(2)).join(' ')}\n`,
  );
  return { with_append: withAppend, no_append: without, ratio };
}
