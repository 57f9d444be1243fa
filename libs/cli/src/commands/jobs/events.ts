import type { KnownJobEvent } from '@errand/client';
import type { Command } from 'commander';
import { type Bind, tell, type World } from '../../command.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { briefly, plain, table } from '../../output/text.ts';
import { local } from '../../output/times.ts';
import { readJobId, readPlace } from '../../settings/read-values.ts';

interface EventsOptions {
  readonly after?: number;
  readonly follow?: true;
}

export function addEvents(program: Command, bind: Bind): void {
  program
    .command('events')
    .description('show what happened to a job, oldest first')
    .argument('<job_id>', 'the job', readJobId)
    .option('--after <version>', 'only events newer than this version', readPlace)
    .option('--follow', 'continue until the job ends; as JSON, one line per event')
    .action(bind(events));
}

async function events(world: World, { after, follow }: EventsOptions, jobId = ''): Promise<ExitCode> {
  const { signal } = world;
  if (follow) {
    const errand = await world.errand();
    for await (const event of errand.events(jobId, { after, signal })) {
      tell(world, event, () => lineOf(event).map(plain).join('  '));
    }
    return 0;
  }
  const found = await readHistory(world, jobId, after);
  tell(world, { events: found }, () => table(['TIME', 'VERSION', 'EVENT', ''], found.map(lineOf)));
  return 0;
}

interface HistoryPage {
  readonly events: readonly KnownJobEvent[];
  readonly next_after: number | null;
}

/** Page by page up to its current end, even if some events cannot be shown. */
async function readHistory(world: World, jobId: string, after: number | undefined): Promise<KnownJobEvent[]> {
  const tenant = await world.tenant();
  const found: KnownJobEvent[] = [];
  for (let place: number | null | undefined = after; place !== null; ) {
    const query = { after: place };
    const page: HistoryPage = await tenant.json({ method: 'GET', path: `/jobs/${jobId}/events`, query });
    found.push(...page.events);
    place = page.next_after;
  }
  return found;
}

function lineOf(event: KnownJobEvent): [string, number, string, string] {
  return [
    local(event.time),
    event.version,
    event.type,
    Object.keys(event.data).length > 0 ? briefly(event.data, 160) : '',
  ];
}
