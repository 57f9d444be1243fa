import { expiresAtMs, type JobState } from '@errand/domain';
import type { CallToolResult } from '@modelcontextprotocol/server';
import type { Caller } from '../http/authenticate.ts';
import { Refusal } from '../http/problem.ts';
import type { Ctx } from '../http/request-log.ts';
import { hasEnded } from '../jobs/await-ending.ts';
import { pollAfterS } from '../jobs/job-answer.ts';
import type { AcceptedJob } from '../runs/run-answers.ts';
import { jobResult } from './job-result.ts';
import { cancelOwnJob, readOwnJob } from './job-tools.ts';
import type { McpDeps } from './mcp-group.ts';

/*
 * Jobs as tasks of MCP's extension (SEP-2663). The id of a task is that of its job.
 *
 *   job                          task
 *   queued, running              working
 *   succeeded, failed, expired   completed, with the result that the call would have had
 *   canceled                     cancelled
 */

export const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks';

interface WantedTask {
  readonly caller: Caller;
  readonly jobId: string;
}

/** The answer to a call whose job was accepted. The SDK has no type for it: it hands on what an extension answers. */
export function acceptedTask({ jobId, createdAt }: AcceptedJob): CallToolResult {
  const task = taskOf({ jobId, createdAt, updatedAt: createdAt, ageMs: 0 });
  return { resultType: 'task', status: 'working', ...task } as unknown as CallToolResult;
}

/** @throws Refusal unknown_job, job_expired, invalid_input, too_many_status_requests; LogUnavailable */
export async function getTask(c: Ctx, deps: McpDeps, { caller, jobId }: WantedTask): Promise<object> {
  const state = await readOwnJob(c, deps, { caller, jobId, waitS: 0 });
  const { updatedAt } = state;
  const createdAt = state.request.value?.requestedAt ?? updatedAt;
  const ageMs = deps.jobs.now() - Date.parse(createdAt);
  const task = taskOf({ jobId, createdAt, updatedAt, ageMs });
  if (!hasEnded(state)) return { ...task, status: 'working', ...messageOf(state) };
  if (state.phase.value.status === 'canceled') return { ...task, status: 'cancelled' };
  const result = { resultType: 'complete', ...jobResult(state, deps, caller) };
  return { ...task, status: 'completed', result };
}

/** Asks for the end of a job. One that has ended stays as it is, which is no error here. */
export async function cancelTask(c: Ctx, deps: McpDeps, { caller, jobId }: WantedTask): Promise<object> {
  try {
    await cancelOwnJob(c, deps, { caller, jobId });
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'already_ended') throw error;
  }
  return {};
}

function taskOf(job: { jobId: string; createdAt: string; updatedAt: string; ageMs: number }) {
  return {
    taskId: job.jobId,
    createdAt: job.createdAt,
    lastUpdatedAt: job.updatedAt,
    ttlMs: expiresAtMs(0),
    pollIntervalMs: pollAfterS(job.ageMs) * 1_000,
  };
}

function messageOf({ phase, progress }: JobState): { statusMessage?: string } {
  const { value } = progress;
  if (value) return { statusMessage: [`${value.percent} %`, value.message].filter(Boolean).join(': ') };
  return phase.value.status === null ? {} : { statusMessage: phase.value.status };
}
