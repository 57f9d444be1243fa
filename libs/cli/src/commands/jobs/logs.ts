import type { JobLogEntry } from '@errand/client';
import type { Command } from 'commander';
import { type Bind, tell, type World } from '../../command.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { plain } from '../../output/text.ts';
import { local } from '../../output/times.ts';
import { readJobId, readPlace } from '../../settings/read-values.ts';

interface LogsOptions {
  readonly after?: number;
  readonly follow?: true;
}

export function addLogs(program: Command, bind: Bind): void {
  program
    .command('logs')
    .description('show what a job told: its lines, if its action shows them, and partial results')
    .argument('<job_id>', 'the job', readJobId)
    .option('--after <id>', 'only entries behind this one', readPlace)
    .option('-f, --follow', 'continue until the job ends; as JSON, one line per entry')
    .action(bind(logs));
}

async function logs(world: World, { after, follow }: LogsOptions, jobId = ''): Promise<ExitCode> {
  const { signal } = world;
  const errand = await world.errand();
  const entries = errand[follow ? 'followLogs' : 'logs'](jobId, { after, signal });
  const found: JobLogEntry[] = [];
  let count = 0;
  for await (const entry of entries) {
    count += 1;
    if (world.json && !follow) found.push(entry);
    else tell(world, entry, () => plain(lineOf(entry)));
  }
  if (world.json && !follow) tell(world, { entries: found }, () => '');
  else if (count === 0) world.say("no entries; lines are shown if the action has logs: 'caller'");
  return 0;
}

/** Such as `2026-01-31 13:00:00  attempt 2  copied {"rows":7}`; the first attempt is not named. */
function lineOf(entry: JobLogEntry): string {
  const attempt = entry.attempt > 1 ? [`attempt ${entry.attempt}`] : [];
  return [local(entry.time), ...attempt, textOf(entry)].join('  ');
}

function textOf(entry: JobLogEntry): string {
  if (entry.type === 'output') return `output: ${JSON.stringify(entry.value)}`;
  if (entry.type === 'dropped') return `… ${entry.count} ${entry.count === 1 ? 'line' : 'lines'} dropped`;
  const { message, fields, cut_of_bytes: bytes } = entry;
  const more = fields === undefined ? '' : ` ${JSON.stringify(fields)}`;
  return `${message}${more}${bytes === undefined ? '' : ` … cut, of ${bytes} bytes`}`;
}
