import { checkOptions, type Members } from '../http/check-options.ts';
import { streamEvents } from '../http/event-stream.ts';
import { path } from '../http/path.ts';
import type { Transport } from '../http/transport.ts';
import { idOf, type JobFault, type JobRef } from './job.ts';

/** Something that happened to a job: a CloudEvent with the job's version after it. A later server may have more types. */
export interface JobEvent<T extends string = string, D = Readonly<Record<string, unknown>>> {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: T;
  /** The job's id. */
  readonly subject: string;
  readonly time: string;
  readonly version: number;
  readonly data: D;
}

export type KnownJobEvent =
  | JobEvent<'JobRequested'>
  | JobEvent<
      'JobStarted',
      { readonly attempt: number; readonly executor_id: string; readonly isolated?: true }
    >
  | JobEvent<
      'JobProgressed',
      { readonly attempt: number; readonly percent: number; readonly message?: string }
    >
  | JobEvent<'JobRetrying', { readonly attempt: number; readonly error: JobFault; readonly retry_at: string }>
  | JobEvent<
      'JobDeferred',
      {
        readonly attempt: number;
        readonly until: string;
        readonly began_at?: string;
        readonly waits_for?: string;
      }
    >
  | JobEvent<'JobDue', { readonly reason: string; readonly handed_over_by?: string }>
  | JobEvent<
      'JobCarried',
      {
        readonly requested_at: string;
        readonly request: Readonly<Record<string, unknown>>;
        readonly attempt: number;
        readonly next_at: string;
        readonly errors: readonly JobFault[];
        readonly deferred?: { readonly executor_id: string; readonly waits_for?: string };
        readonly isolated?: true;
      }
    >
  | JobEvent<'JobCancelRequested', { readonly by: string; readonly reason?: string }>
  | JobEvent<
      'JobSucceeded',
      { readonly attempt: number; readonly result?: unknown; readonly duration_ms: number }
    >
  | JobEvent<
      'JobFailed',
      { readonly attempt: number; readonly error: JobFault; readonly duration_ms: number }
    >
  | JobEvent<'JobCanceled', { readonly by: string }>
  | JobEvent<'JobExpired', { readonly deadline: 'start_by' | 'finish_by' }>;

export interface EventsOptions {
  /** A version: events up to it are left out. */
  readonly after?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const EVENTS: Members<EventsOptions> = { after: true, signal: true };
const ENDINGS: readonly string[] = ['JobSucceeded', 'JobFailed', 'JobCanceled', 'JobExpired'];

/** Everything that has happened to a job and all that follows, oldest first, each once; ends after the job's ending. */
export async function* jobEvents(
  transport: Transport,
  job: JobRef,
  options: EventsOptions = {},
): AsyncGenerator<KnownJobEvent, void, void> {
  checkOptions(options, EVENTS);
  const { after = 0, signal } = options;
  const lastId = after > 0 ? String(after) : undefined;
  let seen = after;
  const events = streamEvents(transport, { path: path`/jobs/${idOf(job)}/events`, lastId, signal });
  for await (const { json } of events) {
    const event = json as KnownJobEvent;
    if (event.version <= seen) continue;
    seen = event.version;
    yield event;
    if (ENDINGS.includes(event.type)) return;
  }
}
