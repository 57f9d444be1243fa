/*
 * `npm run test:faults` runs the whole system in separate processes, kills and pauses them under load, and checks every
 * promise against the log. It prints counts as it goes, a table, and as its last line one line of JSON.
 *
 *   --short       fewer jobs, done in about a minute
 *   --cluster     three clustered NATS servers, whose leader is killed
 *   --seed=<n>    repeats the random choices of the run with this seed
 *
 * | exit code | meaning |
 * |---|---|
 * | 0 | every promise was kept |
 * | 1 | a promise was broken, or the run did not finish within fifteen minutes |
 * | 2 | wrong arguments |
 */
import { parseArgs } from 'node:util';
import { tableOf } from './fault-report.ts';
import { CLUSTER, FULL, SHORT } from './forms.ts';
import { runFaults } from './run-faults.ts';

const LIMIT_MS = 900_000;

async function main(): Promise<number> {
  const options = readOptions();
  if (!options) {
    console.error('usage: node tests/faults/main.ts [--short | --cluster] [--seed=<n>]');
    return 2;
  }
  setTimeout(() => {
    console.error(`not done within ${LIMIT_MS / 1_000} s`);
    process.exit(1);
  }, LIMIT_MS).unref();
  // Without an orderly exit the processes would outlive this one.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const report = await runFaults({ ...options, say: (line) => console.log(line) });
  console.log(tableOf(report));
  const { first_violations, ...counts } = report;
  console.log(JSON.stringify(counts));
  return first_violations.length === 0 ? 0 : 1;
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: { short: { type: 'boolean' }, cluster: { type: 'boolean' }, seed: { type: 'string' } },
    });
    const seed = Number(values.seed ?? Date.now() % 1_000_000);
    if (!Number.isSafeInteger(seed) || (values.short && values.cluster)) return undefined;
    return { seed, form: values.short ? SHORT : values.cluster ? CLUSTER : FULL };
  } catch {
    return undefined;
  }
}

process.exitCode = await main();
// Open handles, such as a broken server's connection, must not keep the process alive.
process.exit();
