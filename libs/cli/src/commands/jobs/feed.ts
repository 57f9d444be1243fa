import type { Ending, EndingType } from '@errand/client';
import type { Command } from 'commander';
import { type Bind, tell, type World } from '../../command.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { pairs, plain, shellWord, table } from '../../output/text.ts';
import { local } from '../../output/times.ts';
import { ENDING_TYPES, listOption, readOneOrMore } from '../../settings/read-values.ts';

interface FeedOptions {
  readonly after?: string;
  readonly types?: EndingType[];
  readonly follow?: true;
  readonly limit: number;
}

interface FeedPage {
  readonly events: readonly Omit<Ending, 'cursor'>[];
  readonly next: string;
}

export function addFeed(program: Command, bind: Bind): void {
  program
    .command('feed')
    .description("show the endings of the tenant's jobs, in order")
    .option('--after <cursor>', 'start after this cursor; latest starts after the newest')
    .addOption(listOption('--types <names>', 'only these endings', ENDING_TYPES))
    .option('--limit <count>', 'maximum number (1-1000); not with --follow', readOneOrMore, 100)
    .option('--follow', 'never stop; as JSON, one line per ending')
    .action(bind(feed));
}

async function feed(world: World, options: FeedOptions): Promise<ExitCode> {
  const { after, types, follow, limit } = options;
  if (follow) {
    const errand = await world.errand();
    for await (const ending of errand.feed({ after, types, signal: world.signal })) {
      tell(world, ending, () => lineOf(ending).map(plain).join('  '));
    }
    return 0;
  }
  const query = { after, types: types?.join(','), limit };
  const page = await (await world.tenant()).json<FeedPage>({ method: 'GET', path: '/events', query });
  tell(world, page, () => {
    const lines = page.events.length === 0 ? 'nothing ended' : tableOf(page.events);
    return `${lines}\n\nnext page: errand feed --after ${shellWord(page.next)}`;
  });
  return 0;
}

function tableOf(endings: FeedPage['events']): string {
  return table(['FINISHED', 'STATUS', 'ACTION', 'JOB', 'METADATA'], endings.map(lineOf));
}

function lineOf(ending: Omit<Ending, 'cursor'>): string[] {
  const { status, action, job_id: jobId } = ending;
  return [local(ending.finished_at), status, action, jobId, pairs(ending.metadata)];
}
