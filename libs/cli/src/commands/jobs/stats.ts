import type { DurationPercentiles, JobCounts, JobStats } from '@errand/client';
import type { Command } from 'commander';
import { type Bind, tell, type World } from '../../command.ts';
import type { ExitCode } from '../../output/exit-codes.ts';
import { table } from '../../output/text.ts';
import { durationOf, local, relative } from '../../output/times.ts';
import { collectWords, readTime } from '../../settings/read-values.ts';

interface StatsOptions {
  readonly from?: string;
  readonly to?: string;
  readonly action?: string[];
}

export function addStats(program: Command, bind: Bind, now: () => number): void {
  program
    .command('stats')
    .description(
      'what jobs did: counts, waits, run times and failures by the minute or hour; default: the last hour',
    )
    .option('--from <time>', 'start: a time, or a duration ago; at most 7 days', readTime(-1, now))
    .option('--to <time>', 'end: a time, or a duration ago; default: now', readTime(-1, now))
    .option('--action <names>', 'only these actions', collectWords)
    .action(bind(stats));
}

async function stats(world: World, options: StatsOptions): Promise<ExitCode> {
  const errand = await world.errand();
  const found = await errand.stats({ ...options, signal: world.signal });
  tell(world, found, () => textOf(found, world.now()));
  return 0;
}

function textOf({ from, to, step, now, series, totals, errors }: JobStats, nowMs: number): string {
  const oldest = now.oldest_queued_at
    ? `, the oldest requested ${relative(now.oldest_queued_at, nowMs)}`
    : '';
  const steps = series.filter(hasAny).map((each) => [local(each.at).slice(0, -3), ...cellsOf(each)]);
  const head = [
    step === 'minute' ? 'MINUTE' : 'HOUR',
    'REQUESTED',
    'SUCCEEDED',
    'FAILED',
    'CANCELED',
    'EXPIRED',
  ];
  const failures = errors.map((each) => [
    ...[
      each.action,
      each.code,
      each.count,
      relative(each.first_seen, nowMs),
      relative(each.last_seen, nowMs),
    ],
    ...[each.sample_job_id, each.detail],
  ]);
  return [
    `now: ${now.queued} queued${oldest}, ${now.running} running`,
    `${local(from)} to ${local(to)}; waits and run times as p50 / p95 / p99`,
    '',
    table([...head, 'WAITED', 'RAN'], [...steps, ['all', ...cellsOf(totals)]]),
    ...(failures.length === 0
      ? []
      : ['', table(['ACTION', 'ERROR', 'JOBS', 'FIRST', 'LAST', 'LAST JOB', 'WHICH SAYS'], failures)]),
  ].join('\n');
}

function hasAny({
  queue_wait_ms,
  run_ms,
  requested,
  succeeded,
  failed,
  canceled,
  expired,
}: JobCounts): boolean {
  return (queue_wait_ms ?? run_ms) !== null || requested + succeeded + failed + canceled + expired > 0;
}

function cellsOf(counts: JobCounts): unknown[] {
  const { requested, succeeded, failed, canceled, expired, queue_wait_ms: wait, run_ms: run } = counts;
  return [requested, succeeded, failed, canceled, expired, durationsOf(wait), durationsOf(run)];
}

function durationsOf(percentiles: DurationPercentiles | null): string {
  if (!percentiles) return '';
  const { p50, p95, p99 } = percentiles;
  return [p50, p95, p99].map((ms) => (ms < 1_000 ? `${ms} ms` : durationOf(ms))).join(' / ');
}
