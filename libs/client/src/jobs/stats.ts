import { checkOptions, type Members } from '../http/check-options.ts';
import type { Transport } from '../http/transport.ts';
import { instantOf, listOf } from './list-jobs.ts';
import type { CallOptions } from './run.ts';

export interface StatsOptions extends CallOptions {
  /** At most 7 days ago. Default: an hour before `to`. */
  readonly from?: Date | string | undefined;
  /** Default: now. */
  readonly to?: Date | string | undefined;
  /** Any of these. */
  readonly action?: string | readonly string[] | undefined;
}

/** Milliseconds, each off by less than half of the true one. */
export interface DurationPercentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** How many jobs did what. */
export interface JobCounts {
  readonly requested: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly canceled: number;
  readonly expired: number;
  /** Of jobs whose first attempt began then; null if none did. */
  readonly queue_wait_ms: DurationPercentiles | null;
  /** Of jobs that ended then, since their first attempt began; null if none had begun. */
  readonly run_ms: DurationPercentiles | null;
}

interface OpenCounts {
  readonly queued: number;
  readonly running: number;
}

/** What a tenant's jobs did. Times are RFC 3339. */
export interface JobStats {
  /** The range in whole steps. */
  readonly from: string;
  readonly to: string;
  readonly step: 'minute' | 'hour';
  readonly now: OpenCounts & {
    readonly oldest_queued_at: string | null;
    readonly by_action: readonly (OpenCounts & { readonly action: string })[];
  };
  /** Each step of the range, also where nothing happened. */
  readonly series: readonly (JobCounts & { readonly at: string })[];
  readonly totals: JobCounts;
  /** The 50 most frequent ones. */
  readonly errors: readonly JobErrorCount[];
}

interface JobErrorCount {
  readonly action: string;
  readonly code: string;
  /** What the error of the sample says; null once that job's summary has expired. */
  readonly detail: string | null;
  readonly count: number;
  /** Of the last 7 days, as `last_seen`. */
  readonly first_seen: string;
  readonly last_seen: string;
  readonly sample_job_id: string;
}

const STATS: Members<StatsOptions> = { from: true, to: true, action: true, signal: true };

export async function readStats(transport: Transport, options: StatsOptions = {}): Promise<JobStats> {
  checkOptions(options, STATS);
  const { from, to, action, signal } = options;
  return transport.json({
    method: 'GET',
    path: '/stats',
    query: { from: instantOf(from), to: instantOf(to), action: listOf(action) },
    signal,
  });
}
