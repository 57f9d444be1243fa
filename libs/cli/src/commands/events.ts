import { type Errand, ErrandError, type KnownJobEvent } from '@errand/client';
import type { Command } from 'commander';
import { type Bind, tell, type World } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';
import { readCount, readJobId } from '../read-values.ts';
import { briefly, plain, table } from '../text.ts';
import { local } from '../times.ts';

interface EventsOptions {
  readonly after?: number;
  readonly follow?: true;
}

export function addEvents(program: Command, bind: Bind): void {
  program
    .command('events')
    .description('show what happened to a job, oldest first')
    .argument('<job_id>', 'the job', readJobId)
    .option('--after <version>', 'only what is newer than this version', readCount)
    .option('--follow', 'go on until the job ends; as JSON, a line for each event')
    .action(bind(events));
}

async function events(world: World, { after, follow }: EventsOptions, jobId = ''): Promise<ExitCode> {
  const { signal } = world;
  const errand = await world.errand();
  if (follow) {
    for await (const event of errand.events(jobId, { after, signal })) {
      tell(world, event, () => lineOf(event).map(plain).join('  '));
    }
    return 0;
  }
  const upTo = await newestVersion(errand, jobId, signal);
  const found: KnownJobEvent[] = [];
  if (upTo > (after ?? 0)) {
    for await (const event of errand.events(jobId, { after, signal })) {
      found.push(event);
      if (event.version >= upTo) break;
    }
  }
  tell(world, { events: found }, () => table(['TIME', 'VERSION', 'EVENT', ''], found.map(lineOf)));
  return 0;
}

/** Up to where the events go that there are; a job whose summary is gone has long ended. */
async function newestVersion(errand: Errand, jobId: string, signal: AbortSignal): Promise<number> {
  try {
    return (await errand.status(jobId, { signal })).version;
  } catch (error) {
    if (error instanceof ErrandError && error.status === 410) return Number.POSITIVE_INFINITY;
    throw error;
  }
}

function lineOf(event: KnownJobEvent): [string, number, string, string] {
  return [
    local(event.time),
    event.version,
    event.type,
    Object.keys(event.data).length > 0 ? briefly(event.data, 160) : '',
  ];
}
