import type { InputError, Problem } from '@errand/contracts';
import {
  type CallToolResult,
  createMcpHandler,
  ProtocolError,
  ProtocolErrorCode,
  Server,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import manifest from '../../package.json' with { type: 'json' };
import type { Caller } from '../http/authenticate.ts';
import { problemOf } from '../http/problem.ts';
import type { Ctx } from '../http/request-log.ts';
import { cancelJob, getJob, type ToolCall } from './job-tools.ts';
import type { McpDeps } from './mcp-group.ts';
import { runTool } from './run-tool.ts';
import { cancelTask, getTask, TASKS_EXTENSION } from './tasks.ts';
import { toolsOf } from './tools.ts';

/** A message as it came, and who sent it. */
interface McpCall {
  readonly caller: Caller;
  readonly body: Record<string, unknown>;
  /** What of a tool's arguments could not be given back as it came. */
  readonly flaws: readonly InputError[];
}

const INSTRUCTIONS =
  'Each tool is an action, and each call a job. A call answers when its job has ended. One that takes longer answers with its ' +
  'job_id and goes on: get_job waits for it, cancel_job ends it.';

/**
 * Answers one message. Everything that it needs comes with it, so any gateway may answer the next one.
 *
 *   revision                          how a long call is answered
 *   2026-07-28, with tasks            at once, with a task whose id is that of the job
 *   2026-07-28 without, and before    when the job has ended, or after a while with the job as it is then
 */
export async function answerMcp(c: Ctx, deps: McpDeps, call: McpCall): Promise<Response> {
  const { log } = deps.jobs;
  const handler = createMcpHandler(
    ({ era }) => createServer(c, deps, { ...call, isModern: era === 'modern' }),
    {
      // Nothing is told of that was not asked for.
      maxSubscriptions: 0,
      onerror: (err) => log.debug({ err, request_id: c.env.requestId }, 'mcp_error'),
    },
  );
  const response = await handler.fetch(c.req.raw, { parsedBody: call.body });
  response.headers.set('x-request-id', c.env.requestId);
  response.headers.set('cache-control', 'no-store');
  return response;
}

function createServer(
  c: Ctx,
  deps: McpDeps,
  { caller, flaws, isModern }: McpCall & { isModern: boolean },
): Server {
  const extensions = { [TASKS_EXTENSION]: {} };
  const capabilities = isModern ? { tools: {}, extensions } : { tools: {} };
  const server = new Server(
    { name: 'errand', version: manifest.version },
    { capabilities, instructions: INSTRUCTIONS },
  );
  server.setRequestHandler('tools/list', () => ({ tools: toolsOf(deps, caller) }));
  server.setRequestHandler('tools/call', ({ params: { name, arguments: args = {} } }, context) => {
    const tool = { caller, args, onState: progressTeller(context) };
    return orToolError(c, deps, () => {
      if (name === 'get_job') return getJob(c, deps, tool);
      if (name === 'cancel_job') return cancelJob(c, deps, tool);
      const knowsTasks = isModern && server.getClientCapabilities()?.extensions?.[TASKS_EXTENSION];
      const asTask = Boolean(knowsTasks) && caller.may('jobs:read');
      return runTool(c, deps, { ...tool, name, flaws, asTask });
    });
  });
  if (isModern) {
    const params = z.looseObject({ taskId: z.string() });
    const task = (method: string, answer: (jobId: string) => Promise<object>) =>
      server.setRequestHandler(method, { params }, async ({ taskId }) => ({
        ...(await orProtocolError(c, deps, () => answer(taskId))),
      }));
    task('tasks/get', (jobId) => getTask(c, deps, { caller, jobId }));
    task('tasks/cancel', (jobId) => cancelTask(c, deps, { caller, jobId }));
    // No job ever asks for an input.
    task('tasks/update', async (jobId) => {
      await getTask(c, deps, { caller, jobId });
      return {};
    });
  }
  return server;
}

/** Tells how far a job is, if the client wants to know. What it is told never goes back, as MCP wants it. */
function progressTeller({ mcpReq }: ServerContext): ToolCall['onState'] {
  const progressToken = mcpReq._meta?.progressToken;
  if (progressToken === undefined) return undefined;
  let told = -1;
  return ({ progress: { value } }) => {
    if (!value || value.percent <= told) return;
    told = value.percent;
    const message = value.message ?? undefined;
    const params = { progressToken, progress: told, total: 100, message };
    // Whoever has gone is told nothing.
    mcpReq.notify({ method: 'notifications/progress', params }).catch(() => {});
  };
}

/** What a tool refuses is a result, so that the model that called it reads why: the problem as HTTP answers it. */
async function orToolError(
  c: Ctx,
  deps: McpDeps,
  call: () => Promise<CallToolResult>,
): Promise<CallToolResult> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    const problem = await problemOf(error, c, deps.jobs.log).text();
    return { isError: true, content: [{ type: 'text', text: problem }] };
  }
}

async function orProtocolError<T>(c: Ctx, deps: McpDeps, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const problem = (await problemOf(error, c, deps.jobs.log).json()) as Problem;
    const code = problem.status < 500 ? ProtocolErrorCode.InvalidParams : ProtocolErrorCode.InternalError;
    throw new ProtocolError(code, problem.detail, problem);
  }
}
