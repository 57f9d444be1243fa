import { JobId } from '@errand/contracts';
import type { JobState } from '@errand/domain';
import type { CallToolResult, Tool } from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { JobPlace } from '../actions/find-action.ts';
import { assertAt } from '../actions/find-action.ts';
import type { Caller } from '../http/authenticate.ts';
import { parseBody } from '../http/body-errors.ts';
import { isWithin } from '../http/key-limits.ts';
import type { Ctx } from '../http/request-log.ts';
import { awaitEnding } from '../jobs/await-ending.ts';
import { findJob } from '../jobs/find-job.ts';
import { readJobQuery } from '../jobs/job-query.ts';
import { CancelReason, requestCancel } from '../jobs/request-cancel.ts';
import { jobResult, viewSchemaOf } from './job-result.ts';
import type { McpDeps } from './mcp-group.ts';

export interface ToolCall {
  readonly caller: Caller;
  readonly args: Record<string, unknown>;
  /** Told of the states of the job while the call waits; undefined: nobody wants to know. */
  readonly onState: ((state: JobState) => void) | undefined;
}

const GetJobArguments = z.strictObject({
  job_id: JobId,
  wait_s: z.int().min(0).max(60).default(0).meta({ description: 'Seconds to wait for its end.' }),
});
const CancelJobArguments = z.strictObject({ job_id: JobId, reason: CancelReason.optional() });

export const GET_JOB: Tool = {
  name: 'get_job',
  description: 'How far a job is, and its result once it has succeeded. Waits for its end, if told to.',
  inputSchema: inputSchemaOf(GetJobArguments),
  outputSchema: { ...viewSchemaOf({}), type: 'object' },
  annotations: { readOnlyHint: true },
};

export const CANCEL_JOB: Tool = {
  name: 'cancel_job',
  description: 'Cancels a job: one that is queued at once; of one that runs its executor is asked.',
  inputSchema: inputSchemaOf(CancelJobArguments),
  outputSchema: { ...viewSchemaOf({}), type: 'object' },
  annotations: { destructiveHint: true, idempotentHint: true },
};

/** @throws Refusal invalid_input, unknown_job, job_expired, too_many_status_requests; LogUnavailable */
export async function getJob(
  c: Ctx,
  deps: McpDeps,
  { caller, args, onState }: ToolCall,
): Promise<CallToolResult> {
  const { job_id: jobId, wait_s: waitS } = parseBody(GetJobArguments, args);
  return jobResult(await readOwnJob(c, deps, { caller, jobId, waitS, onState }), deps, caller);
}

/** @throws Refusal invalid_input, unknown_job, already_ended; LogUnavailable */
export async function cancelJob(c: Ctx, deps: McpDeps, { caller, args }: ToolCall): Promise<CallToolResult> {
  const { job_id: jobId, reason } = parseBody(CancelJobArguments, args);
  const { isError: _, ...result } = jobResult(
    await cancelOwnJob(c, deps, { caller, jobId, reason }),
    deps,
    caller,
  );
  return result;
}

/** A job that the caller's key is for, as it is, or as it is after a wait for its end. */
export function readOwnJob(
  c: Ctx,
  { jobs }: McpDeps,
  wanted: { caller: Caller; jobId: string; waitS: number; onState?: ToolCall['onState'] },
): Promise<JobState> {
  const { caller, waitS, onState } = wanted;
  const { tenantId } = caller;
  const { jobId } = readJobQuery({ jobId: wanted.jobId }, jobs.now());
  c.env.jobId = jobId;
  jobs.statusRate(c, tenantId);
  const place = ownPlace(caller);
  const read = async (atLeast: number | undefined) => {
    const state = await findJob(jobs, { tenantId, jobId, action: undefined, minVersion: 0, atLeast });
    assertAt(place, state);
    return state;
  };
  return awaitEnding(c, jobs, { job: { tenantId, jobId }, waitS, read, onState });
}

/** A job that the caller's key is for, as it is once it is asked to end. */
export async function cancelOwnJob(
  c: Ctx,
  { jobs }: McpDeps,
  wanted: { caller: Caller; jobId: string; reason?: string | undefined },
): Promise<JobState> {
  const { caller, reason } = wanted;
  const { tenantId, name: by } = caller;
  const { jobId } = readJobQuery({ jobId: wanted.jobId }, jobs.now());
  c.env.jobId = jobId;
  const place = ownPlace(caller);
  return (await requestCancel(jobs, { tenantId, jobId, place, by, reason })).state;
}

/** Where the jobs are that a key is for: others are as if they were not there. */
function ownPlace({ only }: Caller): JobPlace {
  return { action: undefined, isOf: (state) => isWithin(state, only) };
}

function inputSchemaOf(schema: z.ZodType): Tool['inputSchema'] {
  return { ...z.toJSONSchema(schema, { io: 'input' }), type: 'object' } as Tool['inputSchema'];
}
