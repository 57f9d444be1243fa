/*
 * `npm run bench` lists the benchmarks, `npm run bench <name>` runs one. Each prints a table for people and, as its last
 * line, one line of JSON for scripts. Figures are compared within one run only: machines differ and drift.
 */
import { benchAccept } from './accept.ts';

const BENCHMARKS: Record<string, { about: string; run: () => Promise<object> }> = {
  accept: {
    about: 'accepted runs per second of one gateway, against the same gateway without its append',
    run: benchAccept,
  },
};

const name = process.argv[2];
const benchmark = name === undefined ? undefined : BENCHMARKS[name];
if (benchmark) {
  console.log(JSON.stringify({ benchmark: name, ...(await benchmark.run()) }));
} else {
  console.log('usage: npm run bench <name>\n');
  for (const [key, { about }] of Object.entries(BENCHMARKS)) console.log(`  ${key.padEnd(12)} ${about}`);
  process.exitCode = name === undefined ? 0 : 2;
}
