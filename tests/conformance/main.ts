/*
 * `npm run conformance -- --command "python3 my_executor.py"` tests an executor in any language against
 * docs/executor-protocol.md, on its own NATS. The command is started several times with NATS_URL and ERRAND_LEASE_MS,
 * killed and paused. It must have the actions listed at the end of docs/executor-protocol.md.
 *
 *   --nats <url>    one that is running already, with nothing important on it; rules that need processes are left out
 *   --only P1,P2    only these rules
 *   --json          one line of JSON instead of a line for each rule
 *
 * | exit code | meaning |
 * |---|---|
 * | 0 | no rule was broken |
 * | 1 | a rule was broken, or the executor does not come up |
 * | 2 | wrong arguments |
 */
import { parseArgs } from 'node:util';
import { plainLines } from 'errand';
import { RULES } from './rules.ts';
import { type ConformanceOptions, type RuleOutcome, runConformance } from './run-conformance.ts';

const MARKS: Record<RuleOutcome['outcome'], string> = { kept: '✓', broken: '✗', skipped: '-' };

async function main(): Promise<number> {
  const asked = readOptions();
  if (!asked) {
    console.error(
      'usage: npm run conformance -- (--command <command> | --nats <url>) [--only P1,P2] [--json]',
    );
    return 2;
  }
  // Without an orderly exit the processes would outlive this one.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const { json, options } = asked;
  const onOutcome = json ? () => {} : (outcome: RuleOutcome) => console.log(lineOf(outcome));
  try {
    const rules = await runConformance({ ...options, onOutcome });
    const count = (wanted: string) => rules.filter(({ outcome }) => outcome === wanted).length;
    const counts = { kept: count('kept'), broken: count('broken'), skipped: count('skipped') };
    console.log(
      json
        ? JSON.stringify({ ...counts, rules })
        : `${counts.kept} kept, ${counts.broken} broken, ${counts.skipped} skipped`,
    );
    return counts.broken === 0 ? 0 : 1;
  } catch (error) {
    console.error(plainLines(error instanceof Error ? error.message : String(error)));
    return 1;
  }
}

function lineOf({ id, title, outcome, seen }: RuleOutcome): string {
  // The observation may contain an executor's own words.
  return plainLines(`${MARKS[outcome]} ${id.padEnd(3)} ${title}: ${seen}`);
}

function readOptions(): { json: boolean; options: ConformanceOptions } | undefined {
  try {
    const { values } = parseArgs({
      options: {
        command: { type: 'string' },
        nats: { type: 'string' },
        only: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    const { command, nats, json } = values;
    const only = values.only?.split(',');
    if (only && !only.every((word) => RULES.some(({ id }) => id === word))) return undefined;
    const chosen = only ? { only } : {};
    if (command && !nats) return { json, options: { executor: { command }, ...chosen } };
    if (nats && !command) return { json, options: { executor: { natsUrl: nats }, ...chosen } };
    return undefined;
  } catch {
    return undefined;
  }
}

process.exitCode = await main();
// Open handles, such as a broken server's connection, must not keep the process alive.
process.exit();
