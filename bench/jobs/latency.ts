import { Pool } from 'undici';
import { type Contender, cpuOf, post } from '../contenders/contender.ts';
import { startErrand } from '../contenders/errand.ts';
import { startRivals } from '../contenders/rivals.ts';
import { percentile, round } from '../harness/percentile.ts';

const WARM_UPS = 50;
const BLOCKS = 5;
const RUNS_PER_BLOCK = 100;

/**
 * How long a caller waits for a job that does nothing, one at a time on an idle system, from the request until its
 * answer says that the job has ended. All contenders run at the same time and take turns in blocks.
 */
export async function benchLatency(): Promise<object> {
  await using resources = new AsyncDisposableStack();
  const contenders: Contender[] = [resources.use(await startErrand())];
  for (const rival of await startRivals()) contenders.push(resources.use(rival));
  const sides = contenders.map((contender) => {
    const pool = new Pool(contender.url, { connections: 1 });
    resources.defer(() => pool.close());
    const run = () => post(pool, contender.runAndWait);
    return { contender, run, took: [] as number[], cpu: new Map<string, number>() };
  });
  for (const { run } of sides) for (let warmUp = 0; warmUp < WARM_UPS; warmUp++) await run();
  for (let block = 0; block < BLOCKS; block++) {
    for (const { contender, run, took, cpu } of sides) {
      const before = await cpuOf(contender.pids);
      for (let each = 0; each < RUNS_PER_BLOCK; each++) {
        const begunMs = performance.now();
        await run();
        took.push(performance.now() - begunMs);
      }
      for (const [process, seconds] of await cpuOf(contender.pids)) {
        cpu.set(process, (cpu.get(process) ?? 0) + seconds - (before.get(process) ?? 0));
      }
    }
  }
  return report(sides);
}

function report(
  sides: readonly { contender: Contender; took: readonly number[]; cpu: ReadonlyMap<string, number> }[],
): object {
  console.log(
    `\nA job that does nothing, one at a time: ${BLOCKS} blocks of ${RUNS_PER_BLOCK} each, in turns, after ` +
      `${WARM_UPS} warm-ups.\n`,
  );
  for (const { contender } of sides) console.log(`${contender.name.padEnd(18)}${contender.about}`);
  console.log('\n                    p50 ms    p99 ms    max ms   errand / it: p50    p99   CPU ms a run');
  const [errand] = sides;
  const figures = sides.map(({ contender, took, cpu }) => {
    const at = (part: number) => percentile(took, part);
    const ratio = (part: number) => round(percentile(errand?.took ?? [], part) / at(part), 2);
    const cpuMs = [...cpu].map(
      ([name, s]) => [name, round((s * 1_000) / (BLOCKS * RUNS_PER_BLOCK), 2)] as const,
    );
    const columns = [0.5, 0.99, 1].map((part) => at(part).toFixed(2).padStart(10)).join('');
    const shares = cpuMs.map(([name, ms]) => `${name} ${ms}`).join(', ');
    console.log(
      `${contender.name.padEnd(16)}${columns}${ratio(0.5).toFixed(2).padStart(19)}${ratio(0.99).toFixed(2).padStart(7)}   ${shares}`,
    );
    return {
      name: contender.name,
      p50_ms: round(at(0.5), 2),
      p99_ms: round(at(0.99), 2),
      max_ms: round(at(1), 2),
      ratio_p50: ratio(0.5),
      ratio_p99: ratio(0.99),
      cpu_ms_by_process: Object.fromEntries(cpuMs),
    };
  });
  console.log('');
  return { runs_each: BLOCKS * RUNS_PER_BLOCK, contenders: figures };
}
