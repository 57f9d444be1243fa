import type { JobSummary } from '@errand/client';
import type { Command } from 'commander';
import { type Bind, tell, type World } from '../../command.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { tookOf } from '../../output/job-text.ts';
import { table } from '../../output/text.ts';
import { relative } from '../../output/times.ts';
import { readOneOrMore } from '../../settings/read-values.ts';
import { addFilterOptions, type FilterOptions } from './filter-options.ts';

interface JobsOptions extends FilterOptions {
  readonly limit: number;
}

/** The most that the API gives at once. */
const MOST_A_PAGE = 200;

export function addJobs(program: Command, bind: Bind, now: () => number): void {
  const list = program.command('jobs').description('list jobs of the last 7 days, newest first');
  addFilterOptions(list, now)
    .option('--limit <count>', 'maximum number', readOneOrMore, 20)
    .action(bind(jobs));
}

async function jobs(world: World, { limit, ...filter }: JobsOptions): Promise<ExitCode> {
  const { signal } = world;
  const errand = await world.errand();
  const found: JobSummary[] = [];
  for await (const job of errand.jobs({ ...filter, pageSize: Math.min(limit, MOST_A_PAGE), signal })) {
    if (found.push(job) === limit) break;
  }
  tell(world, { jobs: found }, () => (found.length === 0 ? 'no jobs' : tableOf(found, world.now())));
  return 0;
}

function tableOf(found: readonly JobSummary[], nowMs: number): string {
  const rows = found.map((job) => [
    ...[job.job_id, job.action, job.status, job.progress ? `${job.progress.percent} %` : ''],
    ...[relative(job.created_at, nowMs), tookOf(job), job.errors[0]?.code ?? ''],
  ]);
  return table(['JOB', 'ACTION', 'STATUS', 'PROGRESS', 'CREATED', 'TOOK', 'ERROR'], rows);
}
