import { JOB_STATUSES, type JobSummary } from '@errand/contracts';
import type { JobState } from '@errand/domain';
import type { CallToolResult } from '@modelcontextprotocol/server';
import type { Caller } from '../http/authenticate.ts';
import { Refusal } from '../http/problem.ts';
import { hasEnded } from '../jobs/await-ending.ts';
import { currentSummaryOf } from '../jobs/job-summary.ts';
import type { Schema } from '../openapi/schemas.ts';
import type { McpDeps } from './mcp-group.ts';

/** What an agent is told of a job: less than status says, since a model reads all of it. */
interface JobView extends Pick<JobSummary, 'job_id' | 'action' | 'status'> {
  /** Absent before the first report. */
  progress?: { percent: number; message: string | null };
  /** Absent unless the job has succeeded and its result is here. */
  result?: unknown;
  /** How to download a result that is a file, or too large to be here. */
  download?: NonNullable<JobSummary['results_link']>;
  /** Absent if there are none. */
  errors?: JobSummary['errors'];
}

/** The schema of a JobView, with that of the action's results. */
export function viewSchemaOf(result: Schema): Schema {
  return {
    type: 'object',
    properties: {
      job_id: { type: 'string' },
      action: { type: 'string' },
      status: { type: 'string', enum: [...JOB_STATUSES] },
      progress: {
        type: 'object',
        properties: { percent: { type: 'number' }, message: { type: ['string', 'null'] } },
      },
      result,
      download: {
        type: 'object',
        description: 'A file: GET its url, a path at this server, with the same key.',
        properties: {
          url: { type: 'string' },
          bytes: { type: 'integer' },
          content_type: { type: 'string' },
          filename: { type: ['string', 'null'] },
        },
      },
      errors: { type: 'array', items: { type: 'object' } },
    },
    required: ['job_id', 'action', 'status'],
  };
}

/** @throws Refusal unknown_job */
function viewOf(state: JobState, { jobs }: McpDeps): JobView {
  const summary = currentSummaryOf(state, jobs.catalogue);
  if (!summary) throw new Refusal('unknown_job');
  const { job_id, action, status, progress, results, results_link, errors } = summary;
  const view: JobView = { job_id, action, status };
  if (progress) view.progress = { percent: progress.percent, message: progress.message };
  if (results_link) view.download = results_link;
  else if (status === 'succeeded') view.result = results;
  if (errors.length > 0) view.errors = errors;
  return view;
}

/** The result of a tool that was about a job. */
export function jobResult(state: JobState, deps: McpDeps, { may }: Caller): CallToolResult {
  const view = viewOf(state, deps);
  if (!hasEnded(state)) return resultOf(view, howToGoOn(view.job_id, may('jobs:read')));
  return view.status === 'succeeded' ? resultOf(view) : { ...resultOf(view), isError: true };
}

/** The same of a job that was accepted, and of which no more is known. */
export function acceptedResult(job: { jobId: string; action: string }, { may }: Caller): CallToolResult {
  const view = { job_id: job.jobId, action: job.action, status: 'queued' } as const;
  return resultOf(view, howToGoOn(job.jobId, may('jobs:read')));
}

function howToGoOn(jobId: string, mayRead: boolean): string {
  return mayRead
    ? `The job goes on. Call get_job with job_id ${jobId} and wait_s 60 until it has ended.`
    : 'The job goes on. This key may not read what becomes of it.';
}

/** Also as text, for clients that read no structured content. */
function resultOf(view: JobView, ...texts: string[]): CallToolResult {
  return {
    structuredContent: { ...view },
    content: [JSON.stringify(view), ...texts].map((text) => ({ type: 'text', text })),
  };
}
