/*
 * `npm run test:disk` runs the whole system under a steady load while its retentions last seconds instead of days, and
 * checks that no store grows: the mean size of the last ten retentions of thirty must be at most 10 % above that of the
 * fifth to the fifteenth. It prints the size of each store in each retention in MB, and as its last line one line of JSON.
 *
 *   --short          twenty retentions of two seconds instead of thirty of 17.5 s
 *   --keep=<store>   leaves a store its usual retention: jobs, audit, summaries or deliveries. The run must fail then
 *
 * | exit code | meaning |
 * |---|---|
 * | 0 | no store has grown |
 * | 1 | one has, runs were refused, or the run did not finish within twelve minutes |
 * | 2 | wrong arguments |
 */
import { parseArgs } from 'node:util';
import { FULL, SHORT } from './forms.ts';
import { KEEPABLE, runDisk } from './run-disk.ts';
import type { Sizes } from './sizes.ts';

const LIMIT_MS = 720_000;
const WIDTH = 14;

async function main(): Promise<number> {
  const options = readOptions();
  if (!options) {
    console.error(`usage: node tests/disk/main.ts [--short] [--keep=(${KEEPABLE.join(' | ')})]`);
    return 2;
  }
  setTimeout(() => {
    console.error(`not done within ${LIMIT_MS / 1_000} s`);
    process.exit(1);
  }, LIMIT_MS).unref();
  // Without an orderly exit the processes would outlive this one.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const { growths, faults, ...counts } = await runDisk({ ...options, onRetention: printRow });
  for (const [name, sizes] of [
    ['early', growths.map(({ earlyBytes }) => earlyBytes)],
    ['late', growths.map(({ lateBytes }) => lateBytes)],
  ] as const) {
    console.log(lineOf([name, ...sizes.map(megabytes)]));
  }
  const growing = growths.filter(({ isGrowing }) => isGrowing).map(({ store }) => store);
  for (const store of growing) console.log(`${store} has grown`);
  for (const fault of faults) console.log(fault);
  console.log(JSON.stringify({ ...counts, growing }));
  return growing.length + faults.length === 0 ? 0 : 1;
}

function printRow(retention: number, sizes: Sizes): void {
  if (retention === 1) console.log(lineOf(['MB', ...Object.keys(sizes)]));
  console.log(lineOf([String(retention), ...Object.values(sizes).map(megabytes)]));
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(2);
}

function lineOf(cells: readonly string[]): string {
  return cells.map((cell) => cell.padStart(WIDTH)).join('');
}

function readOptions() {
  try {
    const { values } = parseArgs({ options: { short: { type: 'boolean' }, keep: { type: 'string' } } });
    const keep = KEEPABLE.find((each) => each === values.keep);
    if (values.keep !== undefined && keep === undefined) return undefined;
    return { form: values.short ? SHORT : FULL, keep };
  } catch {
    return undefined;
  }
}

process.exitCode = await main();
// Open handles, such as a broken server's connection, must not keep the process alive.
process.exit();
