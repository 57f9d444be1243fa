import { randomUUIDv7 } from 'node:crypto';
import {
  createTaskSessionFromClient,
  type JsonRpcResponse,
  resultFromTaskOutcome,
  TaskCancelledError,
  type TaskEnabledSession,
} from '@modelcontextprotocol/ext-tasks/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { progressed, STARTED, SUCCEEDED, startTestGateway, TENANT, type TestGateway } from './gateway.ts';
import { connect, createKeyFor, listenForRun, mcpPath, succeed } from './mcp.ts';

/*
 * Jobs as tasks, with the client of the extension. It asks for the SDK to be gone round for tasks: the SDK takes no task
 * for an answer.
 */

const PROTOCOL = '2026-07-28';
const ARGUMENTS = { design_id: 'd-1', tilt_deg: 30 };

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

interface Message {
  readonly method: string;
  readonly params: { name?: string; taskId?: string };
}

/** Sends one message, to one gateway. */
async function dispatch(url: string, token: string, message: Message): Promise<JsonRpcResponse> {
  const { method, params } = message;
  const response = await fetch(url + mcpPath(), {
    method: 'POST',
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }),
    headers: {
      authorization: `Bearer ${token}`,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      'mcp-protocol-version': PROTOCOL,
      'mcp-method': method,
      'mcp-name': params.name ?? params.taskId ?? '',
    },
  });
  const { result, error } = (await response.json()) as { result: never; error?: never };
  return error === undefined ? { kind: 'result', result } : { kind: 'error', error };
}

/** A session with tasks, whose messages go to one gateway and another by turns. */
async function openSession(urls = [gateway.url], token = gateway.apiKey): Promise<TaskEnabledSession> {
  const client = await connect(gateway, { token });
  let sent = 0;
  return createTaskSessionFromClient(client, {
    endpointId: 'test',
    rawDispatch: (message) =>
      dispatch(urls[sent++ % urls.length] ?? '', token, message as unknown as Message),
    v2RequestFraming: {
      protocolVersion: PROTOCOL,
      clientInfo: { name: 'test', version: '1' },
      clientCapabilities: {},
    },
  });
}

test('a call is answered at once with a task that is the job, whichever gateway is asked for it', async () => {
  await using other = await gateway.another();
  await using session = await openSession([gateway.url, other.url]);
  await using execution = await session.callTool('simulate', ARGUMENTS);
  if (execution.kind !== 'task') throw new Error('no task');
  const { taskId } = execution.handle;
  const job = await gateway.call(`/v2/tenants/${TENANT}/jobs/${taskId}`);
  expect(job.json).toMatchObject({ status: 'queued', action: 'simulate', resource: { design_id: 'd-1' } });

  const task = session.task(taskId);
  expect(await task.snapshot()).toMatchObject({
    status: 'working',
    statusMessage: 'queued',
    createdAt: job.json.created_at,
    retentionMs: 7 * 86_400_000,
    suggestedPollIntervalMs: 1_000,
  });
  const started = (await gateway.append(taskId, job.json.version, STARTED)) ?? 0;
  const half = (await gateway.append(taskId, started, progressed(50))) ?? 0;
  expect(await task.snapshot()).toMatchObject({ status: 'working', statusMessage: '50 %' });
  await gateway.append(taskId, half, SUCCEEDED);
  const { outcome } = await execution.settle();
  expect(resultFromTaskOutcome(outcome)).toMatchObject({
    structuredContent: { job_id: taskId, action: 'simulate', status: 'succeeded', result: { kwh: 7 } },
  });
});

test('a task whose job has failed is completed, with a result that is an error', async () => {
  await using session = await openSession();
  await using execution = await session.callTool('simulate', ARGUMENTS);
  const taskId = execution.handle?.taskId ?? '';
  const { version } = (await gateway.call(`/v2/tenants/${TENANT}/jobs/${taskId}`)).json;
  const started = (await gateway.append(taskId, version, STARTED)) ?? 0;
  const error = { code: 'no_sun', message: 'It is dark.' };
  await gateway.append(taskId, started, { type: 'JobFailed', data: { attempt: 1, error, duration_ms: 5 } });
  const { outcome } = await execution.settle();
  expect(resultFromTaskOutcome(outcome)).toMatchObject({
    isError: true,
    structuredContent: { status: 'failed', errors: [error] },
  });
});

test('a task that is cancelled is a job that is canceled', async () => {
  await using session = await openSession();
  await using execution = await session.callTool('simulate', ARGUMENTS);
  const taskId = execution.handle?.taskId ?? '';
  await execution.cancel();
  const { outcome } = await execution.settle();
  expect(() => resultFromTaskOutcome(outcome)).toThrow(TaskCancelledError);
  expect((await gateway.call(`/v2/tenants/${TENANT}/jobs/${taskId}`)).json.status).toBe('canceled');
  // One that has ended stays as it is.
  await session.task(taskId as never).cancel();
});

test('wrong arguments make no task', async () => {
  await using session = await openSession();
  const execution = await session.callTool('simulate', { design_id: 'd-1', tilt_deg: 100 });
  expect(execution.kind).toBe('immediate');
  const { outcome } = await execution.settle();
  expect(resultFromTaskOutcome(outcome)).toMatchObject({ isError: true });
});

test('a task of another key, and one that never was, are unknown', async () => {
  const read = (token: string, taskId: string, method = 'tasks/get') =>
    dispatch(gateway.url, token, { method, params: withClient({ taskId }) });
  const { job_id } = (
    await gateway.call(`/v2/tenants/${TENANT}/designs/d-1/simulate/run`, { body: { tilt_deg: 1 } })
  ).json;
  const own = await createKeyFor(gateway, { metadata_filter: { customer: 'c-1' } });
  for (const answer of [await read(own, job_id), await read(own, job_id, 'tasks/cancel')])
    expect(answer).toMatchObject({ kind: 'error', error: { code: -32602, data: { code: 'unknown_job' } } });
  expect(await read(gateway.apiKey, randomUUIDv7())).toMatchObject({
    error: { data: { code: 'unknown_job' } },
  });
  expect(await read(gateway.apiKey, 'x')).toMatchObject({ error: { data: { code: 'invalid_input' } } });
  expect(await read(gateway.apiKey, job_id)).toMatchObject({ kind: 'result', result: { status: 'working' } });
  const update = await dispatch(gateway.url, gateway.apiKey, {
    method: 'tasks/update',
    params: withClient({ taskId: job_id, inputResponses: {} }),
  });
  expect(update).toMatchObject({ kind: 'result', result: { resultType: 'complete' } });
});

test('a key that may not read jobs gets no task, but waits', async () => {
  const token = await createKeyFor(gateway, { scopes: ['runs:write'] });
  await using session = await openSession([gateway.url], token);
  const requested = await listenForRun(gateway);
  const called = session.callTool('simulate', ARGUMENTS);
  const { ref, version } = await requested.job;
  await succeed(gateway, ref.jobId, version);
  expect((await called).kind).toBe('immediate');
});

function withClient<T extends object>(params: T): T {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': PROTOCOL,
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  return { ...params, _meta };
}
