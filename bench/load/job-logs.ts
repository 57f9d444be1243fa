import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { LOGS_STREAM } from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import { request } from 'undici';
import { sourceMainFile } from '../../dev/repository.ts';
import { type BenchSystem, startBenchSystem } from '../harness/bench-system.ts';
import { median } from '../harness/median.ts';
import { readNumbers } from '../harness/options.ts';
import { percentile, round } from '../harness/percentile.ts';

const TALKERS = 16;
const CALLERS = 4;
const ROUNDS = 3;
const PACE_MS = 20;
const NOOP_EXECUTOR = fileURLToPath(new URL('../actions/noop-executor.ts', import.meta.url));
const TALK_ACTION = fileURLToPath(new URL('../actions/talk-action.ts', import.meta.url));

/**
 * What jobs of one action take, from the run to the end, while another action tells callers a gigabyte, against being
 * alone; in turns, and as the median of the rounds' ratios. And what is kept of it.
 */
export async function benchJobLogs(args: readonly string[]): Promise<object> {
  const { megabytes } = readNumbers(args, { megabytes: 1_000 });
  await using resources = new AsyncDisposableStack();
  const executor = { name: 'executor', mainFile: NOOP_EXECUTOR } as const;
  const services = [{ name: 'gateway' }, executor, { name: 'projection' }] as const;
  const system = resources.use(await startBenchSystem(services));
  const talker = spawn(process.execPath, [sourceMainFile('executor')], {
    env: {
      PATH: process.env.PATH,
      NATS_URL: system.nats.url,
      ERRAND_ACTIONS: TALK_ACTION,
      ERRAND_OPS_PORT: '0',
      ERRAND_LOG_LEVEL: 'error',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  resources.defer(async () => {
    talker.kill();
    await once(talker, 'exit');
  });
  await waitUntil(async () => (await run(system, 'talk', { kilobytes: 1 })).status === 202, {
    timeoutMs: 30_000,
  });
  await during(system, untilMs(5_000));

  const kilobytes = Math.ceil((megabytes * 1_000) / (ROUNDS * TALKERS));
  const rounds: { alone: number[]; beside: number[] }[] = [];
  for (let index = 0; index < ROUNDS; index++) {
    const beganAt = performance.now();
    const talking = Promise.all(Array.from({ length: TALKERS }, () => talk(system, kilobytes)));
    const beside = await during(system, talking);
    rounds.push({ alone: await during(system, untilMs(performance.now() - beganAt)), beside });
  }

  const ratio = (share: number) => {
    const ratios = rounds.map(({ alone, beside }) => percentile(beside, share) / percentile(alone, share));
    return round(median(ratios), 2);
  };
  const all = (of: 'alone' | 'beside') => rounds.flatMap((each) => each[of]);
  const figures = {
    megabytes,
    jobs: { alone: all('alone').length, beside: all('beside').length },
    p50_ms: { alone: ms(all('alone'), 0.5), beside: ms(all('beside'), 0.5), ratio: ratio(0.5) },
    p99_ms: { alone: ms(all('alone'), 0.99), beside: ms(all('beside'), 0.99), ratio: ratio(0.99) },
    kept: await keptOf(system),
  };
  console.log(
    `\n${megabytes} MB told by one action, ${figures.kept.megabytes} MB of disk keep what is left\n`,
  );
  console.log('ms from run to end   alone   beside   ratio');
  for (const name of ['p50_ms', 'p99_ms'] as const) {
    const { alone, beside, ratio: of } = figures[name];
    console.log(
      `${name.slice(0, 3).padEnd(18)}${String(alone).padStart(8)}${String(beside).padStart(9)}${String(of).padStart(8)}`,
    );
  }
  return figures;
}

const ms = (figures: readonly number[], share: number) => round(percentile(figures, share), 1);
const untilMs = (forMs: number) => new Promise((resolve) => setTimeout(resolve, forMs));

async function run({ url, adminKey }: BenchSystem, action: string, input: object, prefer = '') {
  const answer = await request(`${url}/v2/tenants/bench/${action}/run`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json', prefer },
    body: JSON.stringify(input),
  });
  const text = await answer.body.text();
  return { status: answer.statusCode, body: JSON.parse(text) as { job_id: string; status: string } };
}

/** Milliseconds from run to end of jobs, until something is over. */
async function during(system: BenchSystem, something: Promise<unknown>): Promise<number[]> {
  const took: number[] = [];
  let isOver = false;
  const callers = Array.from({ length: CALLERS }, async () => {
    while (!isOver) {
      const beganAt = performance.now();
      const { body } = await run(system, 'noop', {}, 'wait=30');
      if (body.status !== 'succeeded') throw new Error(`a job is ${body.status}`);
      took.push(performance.now() - beganAt);
      await untilMs(PACE_MS);
    }
  });
  await Promise.race([something, ...callers]);
  isOver = true;
  await Promise.all(callers);
  return took;
}

async function talk(system: BenchSystem, kilobytes: number): Promise<void> {
  const { body } = await run(system, 'talk', { kilobytes });
  const path = `${system.url}/v2/tenants/bench/jobs/${body.job_id}`;
  const headers = { authorization: `Bearer ${system.adminKey}` };
  await waitUntil(
    async () => {
      const answer = await request(path, { headers });
      return ((await answer.body.json()) as { status: string }).status === 'succeeded';
    },
    { timeoutMs: 600_000, intervalMs: 250 },
  );
}

/** What LOGS has on disk. */
async function keptOf({ nats }: BenchSystem): Promise<{ megabytes: number; batches: number }> {
  const answer = await fetch(`${nats.monitorUrl}/jsz?streams=true`);
  const { account_details } = (await answer.json()) as {
    account_details: { stream_detail: { name: string; state: { bytes: number; messages: number } }[] }[];
  };
  const state = account_details
    .flatMap(({ stream_detail }) => stream_detail)
    .find(({ name }) => name === LOGS_STREAM)?.state;
  return { megabytes: round((state?.bytes ?? 0) / 1e6, 1), batches: state?.messages ?? 0 };
}
