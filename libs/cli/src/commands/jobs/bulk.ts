import { setTimeout as sleep } from 'node:timers/promises';
import type { BulkAction, BulkFilter, BulkKind } from '@errand/client';
import type { Command } from 'commander';
import { CannotRun } from '../../cannot-run.ts';
import { type Bind, tell, type World } from '../../command.ts';
import { bulkText } from '../../output/bulk-text.ts';
import { CommandFailed, type ExitCode } from '../../output/exit-codes.ts';
import { drawBulkBar, startBar } from '../../output/progress-bar.ts';
import { shellWord, table } from '../../output/text.ts';
import { relative } from '../../output/times.ts';
import { collectWords, readName, readOneOrMore } from '../../settings/read-values.ts';
import { addFilterOptions, type FilterOptions } from './filter-options.ts';

const LOOK_MS = 500;
/** The most that the API gives at once. */
const MOST_A_PAGE = 200;

/** The same for many jobs: commands below `bulk`. */
export function addBulk(program: Command, bind: Bind, now: () => number): void {
  const bulk = program.command('bulk').description('cancel, retry or redeliver many jobs at once');
  const kinds: [BulkKind, string][] = [
    ['cancel', 'cancel all matching jobs that have not ended'],
    ['retry', 'run all matching jobs again that ended without success'],
    ['redeliver', 'deliver the webhooks of all matching jobs again'],
  ];
  for (const [kind, description] of kinds) {
    addFilterOptions(bulk.command(kind).description(description), now)
      .option('--jobs <job_ids>', 'only these jobs', collectWords)
      .option('--dry-run', 'count only')
      .option('--wait', 'follow it until it ends, with a progress line on a terminal')
      .action(bind((world, options: StartOptions) => start(world, kind, options)));
  }
  bulk
    .command('list')
    .description('list the bulk actions of the last 7 days, newest first')
    .option('--limit <count>', 'maximum number', readOneOrMore, 20)
    .action(bind(list));
  const about = (name: string, description: string) =>
    bulk.command(name).description(description).argument('<bulk_id>', 'the bulk action', readName);
  about('show', 'show how far a bulk action is, and its first failures').action(bind(show));
  about('abort', 'stop a bulk action before its next job').action(bind(abort));
  about('resume', 'go on with a bulk action that was aborted')
    .option('--wait', 'follow it until it ends, with a progress line on a terminal')
    .action(bind(resume));
}

interface StartOptions extends FilterOptions {
  readonly jobs?: string[];
  readonly dryRun?: true;
  readonly wait?: true;
}

async function start(world: World, kind: BulkKind, options: StartOptions): Promise<ExitCode> {
  const { dryRun, wait, ...filter } = options;
  if (Object.keys(filter).length === 0) {
    throw new CannotRun('say which jobs, such as with --status or --action; --help lists the options');
  }
  const { signal } = world;
  const { bulk } = await world.errand();
  if (dryRun) {
    const matched = await bulk.count(kind, filter satisfies BulkFilter, { signal });
    tell(world, { matched }, () => `${matched} ${matched === 1 ? 'job matches' : 'jobs match'}`);
    return 0;
  }
  return follow(world, await bulk.start(kind, filter, { signal }), wait);
}

async function resume(world: World, { wait }: { wait?: true }, bulkId = ''): Promise<ExitCode> {
  return follow(world, await (await world.errand()).bulk.resume(bulkId, { signal: world.signal }), wait);
}

/** With `wait` it is 1 unless every job was done or skipped. */
async function follow(world: World, started: BulkAction, wait: true | undefined): Promise<ExitCode> {
  const show = `errand bulk show ${shellWord(started.bulk_id)}`;
  if (!wait) {
    tell(world, started, () => `bulk action ${started.bulk_id} is running; ${show} shows its state`);
    return 0;
  }
  const action = await watch(world, started, show);
  tell(world, action, () => bulkText(action, world.now()));
  return action.state === 'done' && action.counts.failed === 0 ? 0 : 1;
}

async function watch(world: World, started: BulkAction, show: string): Promise<BulkAction> {
  const { signal, columns } = world;
  const { bulk } = await world.errand();
  const bar = columns && !world.json ? startBar(world, columns, drawBulkBar) : undefined;
  try {
    let action = started;
    for (bar?.update(action); action.state === 'running'; bar?.update(action)) {
      await sleep(LOOK_MS, undefined, { signal });
      action = await bulk.get(action.bulk_id, { signal });
    }
    return action;
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new CommandFailed(130, [`stopped watching; the bulk action continues: ${show}`]);
  } finally {
    bar?.stop();
  }
}

async function list(world: World, { limit }: { limit: number }): Promise<ExitCode> {
  const { signal } = world;
  const { bulk } = await world.errand();
  const found: BulkAction[] = [];
  for await (const action of bulk.list({ pageSize: Math.min(limit, MOST_A_PAGE), signal })) {
    if (found.push(action) === limit) break;
  }
  const rows = found.map(({ bulk_id, action, state, counts, created_at, created_by }) => [
    ...[bulk_id, action, state, counts.matched, counts.done, counts.skipped, counts.failed],
    ...[relative(created_at, world.now()), created_by],
  ]);
  const head = ['BULK ACTION', 'ACTION', 'STATE', 'MATCHED', 'DONE', 'SKIPPED', 'FAILED', 'CREATED', 'BY'];
  tell(world, { bulk_actions: found }, () => (rows.length === 0 ? 'no bulk actions' : table(head, rows)));
  return 0;
}

async function show(world: World, _: unknown, bulkId = ''): Promise<ExitCode> {
  const action = await (await world.errand()).bulk.get(bulkId, { signal: world.signal });
  tell(world, action, () => bulkText(action, world.now()));
  return 0;
}

async function abort(world: World, _: unknown, bulkId = ''): Promise<ExitCode> {
  const action = await (await world.errand()).bulk.abort(bulkId, { signal: world.signal });
  tell(world, action, () => bulkText(action, world.now()));
  return 0;
}
