import type { JobStatus, JobSummary } from '@errand/client';
import { JOB_STATUSES } from '@errand/contracts';
import type { Command } from 'commander';
import { type Bind, tell, type World } from '../../command.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { tookOf } from '../../output/job-text.ts';
import { table } from '../../output/text.ts';
import { relative } from '../../output/times.ts';
import {
  collectPair,
  collectWords,
  listOption,
  readOneOrMore,
  readTime,
} from '../../settings/read-values.ts';

interface JobsOptions {
  readonly status?: JobStatus[];
  readonly action?: string[];
  readonly source?: string[];
  readonly metadata?: Record<string, string>;
  readonly createdAfter?: string;
  readonly createdBefore?: string;
  readonly limit: number;
}

const SOURCES = ['api', 'ui', 'schedule', 'retry'];
/** The most that the API gives at once. */
const MOST_A_PAGE = 200;

export function addJobs(program: Command, bind: Bind, now: () => number): void {
  program
    .command('jobs')
    .description('list jobs of the last 7 days, newest first')
    .addOption(listOption('--status <names>', 'only these states', JOB_STATUSES))
    .option('--action <names>', 'only these actions', collectWords)
    .addOption(listOption('--source <names>', 'only jobs requested this way', SOURCES))
    .option('--metadata <name=value>', 'only with this metadata entry; repeatable', collectPair)
    .option('--created-after <time>', 'start: a time, or a duration ago', readTime(-1, now))
    .option('--created-before <time>', 'end: a time, or a duration ago', readTime(-1, now))
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
