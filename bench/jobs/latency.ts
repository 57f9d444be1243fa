import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { type BenchSystem, startBenchSystem } from '../harness/bench-system.ts';
import { percentile, round } from '../harness/percentile.ts';
import { cpuSeconds } from '../harness/process-usage.ts';
import { REDIS_PERSISTENCE, startRedis } from '../harness/redis-server.ts';
import { startBullmqJobs } from './bullmq-jobs.ts';

const WARM_UPS = 50;
const BLOCKS = 5;
const RUNS_PER_BLOCK = 100;

interface Contender {
  name: string;
  /** One job from its request until the caller knows of its end. */
  run(): Promise<void>;
  readonly took: number[];
}

/**
 * How long a caller waits for a job that does nothing, one at a time on an idle system: `run` with `Prefer: wait`,
 * compared with BullMQ's add and waitUntilFinished. Both run at the same time and take turns in blocks.
 */
export async function benchLatency(): Promise<object> {
  await using resources = new AsyncDisposableStack();
  const executor = fileURLToPath(new URL('../actions/noop-executor.ts', import.meta.url));
  const system = resources.use(
    await startBenchSystem([
      { name: 'gateway' },
      { name: 'executor', mainFile: executor },
      { name: 'projection' },
      { name: 'webhooks' },
    ]),
  );
  const pool = new Pool(system.url, { connections: 1 });
  resources.defer(() => pool.close());
  const contenders: Contender[] = [{ name: 'errand', run: () => runAndWait(pool, system), took: [] }];
  const redis = await startRedis();
  if (redis) {
    resources.use(redis);
    const bullmq = resources.use(await startBullmqJobs(redis.port));
    contenders.push({ name: 'bullmq', run: () => bullmq.run(), took: [] });
  }

  for (const { run } of contenders) for (let warmUp = 0; warmUp < WARM_UPS; warmUp++) await run();
  const cpu = new Map<string, number>();
  for (let block = 0; block < BLOCKS; block++) {
    for (const { name, run, took } of contenders) {
      const before = await cpuOf(system);
      for (let each = 0; each < RUNS_PER_BLOCK; each++) {
        const begunMs = performance.now();
        await run();
        took.push(performance.now() - begunMs);
      }
      if (name !== 'errand') continue;
      for (const [process, seconds] of await cpuOf(system)) {
        cpu.set(process, (cpu.get(process) ?? 0) + seconds - (before.get(process) ?? 0));
      }
    }
  }
  return report(contenders, cpu);
}

/** CPU seconds by process. */
async function cpuOf({ pids }: BenchSystem): Promise<Map<string, number>> {
  const seconds = Object.entries(pids).map(async ([name, pid]) => [name, await cpuSeconds(pid)] as const);
  return new Map(await Promise.all(seconds));
}

/** One job that does nothing, from its request until the caller knows of its end. */
export async function runAndWait(pool: Pool, { adminKey }: BenchSystem): Promise<void> {
  const { statusCode, body } = await pool.request({
    path: '/v2/tenants/bench/noop/run',
    method: 'POST',
    headers: {
      authorization: `Bearer ${adminKey}`,
      'content-type': 'application/json',
      prefer: 'wait=10',
    },
    body: '{}',
  });
  const answer = (await body.json()) as { status?: string };
  if (statusCode === 200 && answer.status === 'succeeded') return;
  throw new Error(`the run did not succeed within its wait: ${statusCode} ${JSON.stringify(answer)}`);
}

/** `cpu` is what Errand's processes used in all its blocks. */
function report(contenders: readonly Contender[], cpu: ReadonlyMap<string, number>): object {
  const figures = contenders.map(({ name, took }) => ({
    name,
    p50_ms: round(percentile(took, 0.5), 2),
    p99_ms: round(percentile(took, 0.99), 2),
    max_ms: round(percentile(took, 1), 2),
    block_p50_ms: blocksOf(took).map((block) => round(percentile(block, 0.5), 2)),
  }));
  console.log(
    `\nA job that does nothing, one at a time: ${BLOCKS} blocks of ${RUNS_PER_BLOCK} each, in turns, after ` +
      `${WARM_UPS} warm-ups.`,
  );
  console.log('errand: POST run with Prefer: wait=10, over gateway, NATS and executor, with projection and');
  console.log(
    '        webhooks at work beside; JetStream on files, written before each answer, synced every 2 min',
  );
  if (contenders.length > 1) {
    console.log('bullmq: queue.add and job.waitUntilFinished, with one worker process;');
    console.log(`        redis-server ${REDIS_PERSISTENCE.map((word) => word || '""').join(' ')}`);
  } else {
    console.log('bullmq: not measured, there is no redis-server on the PATH');
  }
  console.log('\n          p50 ms    p99 ms    max ms    p50 of each block');
  for (const { name, p50_ms, p99_ms, max_ms, block_p50_ms } of figures) {
    const columns = [p50_ms, p99_ms, max_ms].map((ms) => ms.toFixed(2).padStart(10)).join('');
    console.log(`${name.padEnd(6)}${columns}    ${block_p50_ms.map((ms) => ms.toFixed(2)).join('  ')}`);
  }
  const cpuMsPerRun = Object.fromEntries(
    [...cpu].map(([name, seconds]) => [name, round((seconds * 1_000) / (BLOCKS * RUNS_PER_BLOCK), 2)]),
  );
  const shares = Object.entries(cpuMsPerRun).map(([name, ms]) => `${name} ${ms}`);
  console.log(`\nerrand's CPU, ms a run: ${shares.join(', ')}`);
  const [errand, bullmq] = figures;
  const ratioP50 = errand && bullmq ? round(errand.p50_ms / bullmq.p50_ms, 2) : null;
  const ratioP99 = errand && bullmq ? round(errand.p99_ms / bullmq.p99_ms, 2) : null;
  console.log(bullmq ? `errand / bullmq: p50 ${ratioP50}, p99 ${ratioP99}\n` : '');
  return {
    runs_each: BLOCKS * RUNS_PER_BLOCK,
    contenders: figures,
    ratio_p50: ratioP50,
    ratio_p99: ratioP99,
  };
}

function blocksOf(took: readonly number[]): number[][] {
  return Array.from({ length: BLOCKS }, (_, block) =>
    took.slice(block * RUNS_PER_BLOCK, (block + 1) * RUNS_PER_BLOCK),
  );
}
