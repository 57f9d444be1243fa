import type { InputError } from '@errand/contracts';
import { createSteps } from '@errand/json-schema';
import { type CallToolResult, ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server';
import type { CatalogueEntry } from '../actions/action-catalogue.ts';
import { fillResource, isFit } from '../actions/action-path.ts';
import { Refusal } from '../http/problem.ts';
import { preferredWaitS } from '../http/request-headers.ts';
import { busy, type Ctx } from '../http/request-log.ts';
import { awaitEnding } from '../jobs/await-ending.ts';
import { findJob } from '../jobs/find-job.ts';
import { requestOnce } from '../runs/accept-job.ts';
import type { AcceptedJob } from '../runs/run-answers.ts';
import { checkRunBody, type JobOrder } from '../runs/run-options.ts';
import { acceptedResult, jobResult } from './job-result.ts';
import type { ToolCall } from './job-tools.ts';
import type { McpDeps } from './mcp-group.ts';
import { acceptedTask } from './tasks.ts';
import { mayRun, resourceMembersOf } from './tools.ts';

/** For how long a call waits for its job where `Prefer: wait=n` says nothing. Clients give up after a minute. */
const WAIT_S = 30;

interface RunToolCall extends ToolCall {
  readonly name: string;
  readonly flaws: readonly InputError[];
  /** Whether the answer is a task, at once. */
  readonly asTask: boolean;
}

/**
 * Runs an action as HTTP does: the same checks, limits, turns and Idempotency-Key.
 * @throws ProtocolError for an action that the caller may not run; Refusal; LogUnavailable
 */
export async function runTool(c: Ctx, deps: McpDeps, call: RunToolCall): Promise<CallToolResult> {
  const { name, caller, asTask, onState } = call;
  const { tenantId } = caller;
  const entry = await deps.runs.catalogue.find(name);
  if (!entry || !mayRun(deps, caller, entry)) {
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown tool: ${name}`);
  }
  c.env.action = name;
  const nowMs = deps.runs.now();
  const { order, text } = checkArguments(c, deps, { ...call, entry, nowMs });
  const url = `${new URL(c.req.url).origin}/v2/tenants/${tenantId}${fillResource(entry.template, order.resource)}/${name}/run`;
  const { value: job } = await requestOnce(c, deps, { order, caller, kind: 'run', text, nowMs, url });
  if (asTask) return acceptedTask(job);
  return awaitResult(c, deps, { caller, name, job, onState });
}

async function awaitResult(
  c: Ctx,
  deps: McpDeps,
  ran: Pick<RunToolCall, 'caller' | 'name' | 'onState'> & { job: AcceptedJob },
): Promise<CallToolResult> {
  const { caller, name: action, job, onState } = ran;
  const { jobId, version } = job;
  const wanted = { tenantId: caller.tenantId, jobId, action, minVersion: 0 };
  const waitS = preferredWaitS(c.req.raw.headers.get('prefer')) ?? WAIT_S;
  const read = (atLeast: number | undefined) => findJob(deps.jobs, { ...wanted, atLeast });
  try {
    const state = await awaitEnding(c, deps.jobs, { job: wanted, waitS, atLeast: version, read, onState });
    return jobResult(state, deps, caller);
  } catch {
    // A job that was accepted stays so, whatever becomes of reading it.
    return acceptedResult({ jobId, action }, caller);
  }
}

/**
 * The order that a tool's arguments are: the resource's parameters and the action's input, side by side.
 * @throws Refusal invalid_input, which names each wrong one
 */
function checkArguments(
  c: Ctx,
  deps: McpDeps,
  call: Pick<RunToolCall, 'args' | 'caller' | 'flaws'> & { entry: CatalogueEntry; nowMs: number },
): { order: JobOrder; text: string } {
  const { args, flaws, entry, nowMs } = call;
  if (flaws.length > 0) throw new Refusal('invalid_input', { errors: flaws });
  const { resource, input, errors } = split(args, entry);
  const text = JSON.stringify(input);
  const { maxLifeMs, defaultLifeMs, urlRules } = deps.runs;
  const { only } = call.caller;
  const context = { entry, resource, nowMs, maxLifeMs, defaultLifeMs, urlRules, steps: createSteps(), only };
  const checked = busy(c, () => checkRunBody(input, text.length, context));
  if (checked.kind === 'order' && errors.length === 0) return { order: checked.order, text };
  const others = checked.kind === 'invalid' ? checked.errors : [];
  throw new Refusal('invalid_input', { errors: [...errors, ...others] });
}

/** Options of the job (`_job`) are the caller's, not the model's: a webhook could lead data out. */
function split(args: Record<string, unknown>, entry: CatalogueEntry) {
  const { _job, ...input } = args;
  const resource: Record<string, string> = {};
  const errors: InputError[] = [];
  if (_job !== undefined) {
    errors.push({ pointer: '#/_job', code: 'unknown_property', detail: 'is not a known property' });
  }
  for (const [member, parameter] of resourceMembersOf(entry.contract)) {
    const value = input[member];
    delete input[member];
    if (typeof value === 'string' && isFit(value)) resource[parameter] = value;
    else {
      const code = value === undefined ? 'required' : 'invalid_parameter';
      const detail =
        value === undefined ? 'is required' : 'must be 1-200 characters without control characters';
      errors.push({ pointer: `#/${member}`, code, detail });
    }
  }
  return { resource, input, errors };
}
