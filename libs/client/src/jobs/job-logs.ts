import { checkOptions, type Members } from '../http/check-options.ts';
import { streamEvents } from '../http/event-stream.ts';
import { createPages, type Pages } from '../http/pages.ts';
import { path } from '../http/path.ts';
import type { Transport } from '../http/transport.ts';
import { idOf, type JobRef } from './job.ts';

interface Told<T extends string> {
  readonly type: T;
  /** Increases within a job. */
  readonly id: number;
  /** Counts from 1. */
  readonly attempt: number;
  /** Counts what the attempt has told, from 1; what was dropped leaves a gap. */
  readonly number: number;
  /** When it was told (RFC 3339), by the executor's clock. */
  readonly time: string;
}

/** A line of an attempt's log; of an action that shows its lines to callers. */
export interface JobLogLine extends Told<'log'> {
  readonly message: string;
  readonly fields?: Readonly<Record<string, unknown>>;
  /** Only of a line that was cut: its whole length in bytes. */
  readonly cut_of_bytes?: number;
}

/** A partial result: any JSON value of at most 32 KiB. */
export interface JobLogOutput extends Told<'output'> {
  readonly value: unknown;
}

/** How many lines and outputs are missing here, because they were too many. */
export interface JobLogDropped extends Told<'dropped'> {
  readonly count: number;
}

export type JobLogEntry = JobLogLine | JobLogOutput | JobLogDropped;

export interface FollowLogsOptions {
  /** The id of an entry: entries up to it are left out. */
  readonly after?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LogsOptions extends FollowLogsOptions {
  /** At most 1,000, the default. */
  readonly pageSize?: number | undefined;
}

const FOLLOW: Members<FollowLogsOptions> = { after: true, signal: true };
const LOGS: Members<LogsOptions> = { ...FOLLOW, pageSize: true };

const logsOf = (job: JobRef) => path`/jobs/${idOf(job)}/logs`;

/** What a job's attempts have told so far, oldest first. */
export function jobLogs(transport: Transport, job: JobRef, options: LogsOptions = {}): Pages<JobLogEntry> {
  return createPages(async (cursor) => {
    checkOptions(options, LOGS);
    const { entries, next_after: next } = await transport.json<{
      entries: JobLogEntry[];
      next_after: number | null;
    }>({
      method: 'GET',
      path: logsOf(job),
      query: { after: cursor ?? options.after, limit: options.pageSize },
      signal: options.signal,
    });
    return { items: entries, nextCursor: next === null ? null : String(next) };
  }, undefined);
}

/** The same and all that follows, each once; ends when the job has ended and everything was told. */
export async function* followJobLogs(
  transport: Transport,
  job: JobRef,
  options: FollowLogsOptions = {},
): AsyncGenerator<JobLogEntry, void, void> {
  checkOptions(options, FOLLOW);
  const { after = 0, signal } = options;
  const lastId = after > 0 ? String(after) : undefined;
  let seen = after;
  for await (const { json } of streamEvents(transport, { path: logsOf(job), lastId, signal })) {
    const entry = json as JobLogEntry;
    if (entry.id <= seen) continue;
    seen = entry.id;
    yield entry;
  }
}
