/*
 * `npm run test:webhook-faults` sends webhooks at 500 a second while processes of the service are killed, Postgres is
 * stopped and NATS is stopped; then it checks that each endpoint received each event. It prints what it does, a table,
 * and as its last line one line of JSON.
 *
 *   --short       the same in half a minute, plus the time it takes to settle
 *   --seed=<n>    kills the processes that the run with this seed killed
 *
 * | exit code | meaning |
 * |---|---|
 * | 0 | every promise was kept |
 * | 1 | a promise was broken, or the run did not finish within six minutes |
 * | 2 | wrong arguments |
 */
import { parseArgs } from 'node:util';
import { FULL, SHORT } from './fault-forms.ts';
import { runWebhookFaults } from './run-webhook-faults.ts';
import { tableOf } from './webhook-fault-report.ts';

const LIMIT_MS = 360_000;

async function main(): Promise<number> {
  const options = readOptions();
  if (!options) {
    console.error('usage: node tests/webhook-faults/main.ts [--short] [--seed=<n>]');
    return 2;
  }
  setTimeout(() => {
    console.error(`not done within ${LIMIT_MS / 1_000} s`);
    process.exit(1);
  }, LIMIT_MS).unref();
  // Without an orderly exit the processes would outlive this one.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const report = await runWebhookFaults({ ...options, say: (line) => console.log(line) });
  console.log(tableOf(report));
  const { first_violations, ...counts } = report;
  console.log(JSON.stringify(counts));
  return first_violations.length === 0 ? 0 : 1;
}

function readOptions() {
  try {
    const { values } = parseArgs({ options: { short: { type: 'boolean' }, seed: { type: 'string' } } });
    const seed = Number(values.seed ?? Date.now() % 1_000_000);
    return Number.isSafeInteger(seed) ? { seed, form: values.short ? SHORT : FULL } : undefined;
  } catch {
    return undefined;
  }
}

process.exitCode = await main();
// Open handles, such as a broken server's connection, must not keep the process alive.
process.exit();
