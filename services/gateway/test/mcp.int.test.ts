import { randomUUIDv7 } from 'node:crypto';
import type { JobFact } from '@errand/contracts';
import { waitUntil } from '@errand/testkit';
import type { CallToolResult, Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ADMIN_KEY,
  progressed,
  RUN_PATH,
  SIMULATE,
  STARTED,
  startTestGateway,
  TENANT,
  type TestGateway,
} from './gateway.ts';
import { connect, createKeyFor, listenForRun, mcpPath, succeed } from './mcp.ts';

const APP = 'https://app.example';
const ARGUMENTS = { design_id: 'd-1', tilt_deg: 30 };
const FAILED: JobFact = {
  type: 'JobFailed',
  data: { attempt: 1, error: { code: 'no_sun', message: 'It is dark.' }, duration_ms: 5 },
};

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway({ corsOrigins: [APP], maxBodyBytes: 20_000 });
  await gateway.announce({ ...SIMULATE, name: 'paint' });
});

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
});

const simulate = (args: object = {}) => ({ name: 'simulate', arguments: { ...ARGUMENTS, ...args } });
const toolNames = async (client: Client) => (await client.listTools()).tools.map(({ name }) => name);
const problemOf = ({ content, isError }: CallToolResult) => {
  const [first] = content;
  expect(isError).toBe(true);
  return JSON.parse(first?.type === 'text' ? first.text : '');
};
const jobIdOf = ({ structuredContent }: CallToolResult) =>
  (structuredContent as { job_id: string } | undefined)?.job_id ?? '';

/** A job of SIMULATE that waits for an executor. */
async function makeJob(token = gateway.apiKey): Promise<{ job_id: string; version: number }> {
  return (await gateway.call(RUN_PATH, { token, body: { tilt_deg: 1 } })).json;
}

describe.each(['auto', 'legacy'] as const)('a client of the revision %s', (mode) => {
  test('finds each action as a tool, and tools for jobs', async () => {
    await using client = disposable(await connect(gateway, { mode }));
    const { tools } = await client.it.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['paint', 'simulate', 'get_job', 'cancel_job']);
    expect(tools[1]).toMatchObject({
      description: 'Simulates a design',
      inputSchema: {
        type: 'object',
        properties: { design_id: { type: 'string' }, tilt_deg: { type: 'number', maximum: 90 } },
        required: ['design_id', 'tilt_deg'],
        additionalProperties: false,
      },
      outputSchema: { properties: { result: { properties: { kwh: { type: 'number' } } } } },
    });
    expect(client.it.getServerVersion()).toMatchObject({ name: 'errand' });
    expect(client.it.getNegotiatedProtocolVersion()).toBe(mode === 'auto' ? '2026-07-28' : '2025-11-25');
  });

  test('runs an action to its end, as a run over HTTP does', async () => {
    await using client = disposable(await connect(gateway, { mode }));
    const requested = await listenForRun(gateway);
    const called = client.it.callTool(simulate({ design_id: 'dé/1' }));
    const { ref, version, decode } = await requested.job;
    await succeed(gateway, ref.jobId, version);
    const result = await called;
    const view = { job_id: ref.jobId, action: 'simulate', status: 'succeeded', result: { kwh: 7 } };
    expect(result.isError).toBeUndefined();
    expect(result.structuredContent).toMatchObject(view);
    expect(JSON.parse((result.content as { text: string }[])[0]?.text ?? '')).toEqual(
      result.structuredContent,
    );
    expect(decode()?.event.data).toMatchObject({
      resource: { design_id: 'dé/1' },
      input: { tilt_deg: 30 },
      source: 'api',
      requested_by: 'test key',
    });
  });

  test('reads what is wrong with its arguments by pointers, and nothing is requested', async () => {
    await using client = disposable(await connect(gateway, { mode }));
    const wrong = { design_id: 'a\u0007', tilt_deg: 100, colour: 'red', _job: { priority: 9 } };
    const problem = problemOf(await client.it.callTool({ name: 'simulate', arguments: wrong }));
    expect(problem).toMatchObject({ code: 'invalid_input', status: 422 });
    expect(problem.errors.map(({ pointer }: { pointer: string }) => pointer).toSorted()).toEqual([
      '#/_job',
      '#/colour',
      '#/design_id',
      '#/tilt_deg',
    ]);
    const missing = problemOf(await client.it.callTool({ name: 'simulate', arguments: {} }));
    expect(missing.errors).toMatchObject([
      { pointer: '#/design_id', code: 'required' },
      { pointer: '#/tilt_deg', code: 'required' },
    ]);
  });

  test('waits for a while, and goes on with get_job', async () => {
    await using client = disposable(await connect(gateway, { mode, headers: { prefer: 'wait=1' } }));
    const requested = await listenForRun(gateway);
    const result = await client.it.callTool(simulate());
    const { ref, version } = await requested.job;
    expect(result.isError).toBeUndefined();
    expect(result.structuredContent).toEqual({ job_id: ref.jobId, action: 'simulate', status: 'queued' });
    expect(JSON.stringify(result.content)).toContain(`Call get_job with job_id ${ref.jobId}`);
    const now = await client.it.callTool({ name: 'get_job', arguments: { job_id: ref.jobId } });
    expect(now.structuredContent).toMatchObject({ status: 'queued' });
    const args = { job_id: ref.jobId, wait_s: 60 };
    const later = client.it.callTool({ name: 'get_job', arguments: args });
    await succeed(gateway, ref.jobId, version);
    expect((await later).structuredContent).toMatchObject({ status: 'succeeded', result: { kwh: 7 } });
  });

  test('is told how far the job is while it waits', async () => {
    await using client = disposable(await connect(gateway, { mode }));
    const told: unknown[] = [];
    const requested = await listenForRun(gateway);
    const onprogress = (progress: unknown) => void told.push(progress);
    const called = client.it.callTool(simulate(), { onprogress });
    const { ref, version } = await requested.job;
    const started = (await gateway.append(ref.jobId, version, STARTED)) ?? 0;
    const half = (await gateway.append(ref.jobId, started, progressed(50))) ?? 0;
    await waitUntil(() => told.length > 0);
    const back = (await gateway.append(ref.jobId, half, progressed(20))) ?? 0;
    await gateway.append(ref.jobId, back, FAILED);
    await called;
    expect(told).toEqual([{ progress: 50, total: 100 }]);
  });

  test('reads why a job has failed', async () => {
    await using client = disposable(await connect(gateway, { mode }));
    const requested = await listenForRun(gateway);
    const called = client.it.callTool(simulate());
    const { ref, version } = await requested.job;
    const started = (await gateway.append(ref.jobId, version, STARTED)) ?? 0;
    await gateway.append(ref.jobId, started, FAILED);
    const { isError, structuredContent } = await called;
    expect(isError).toBe(true);
    expect(structuredContent).toMatchObject({ status: 'failed', errors: [{ code: 'no_sun' }] });
  });

  test('cancels a job', async () => {
    await using client = disposable(await connect(gateway, { mode }));
    const { job_id } = await makeJob();
    const cancel = () =>
      client.it.callTool({ name: 'cancel_job', arguments: { job_id, reason: 'too expensive' } });
    const canceled = await cancel();
    expect(canceled.isError).toBeUndefined();
    expect(canceled.structuredContent).toMatchObject({ job_id, status: 'canceled' });
    expect(problemOf(await cancel()).code).toBe('already_ended');
  });

  test('gets the same job for the same Idempotency-Key', async () => {
    const headers = { prefer: 'wait=0', 'idempotency-key': `k-${mode}` };
    await using client = disposable(await connect(gateway, { mode, headers }));
    const first = jobIdOf(await client.it.callTool(simulate()));
    expect(first).not.toBe('');
    expect(jobIdOf(await client.it.callTool(simulate()))).toBe(first);
    expect(problemOf(await client.it.callTool(simulate({ tilt_deg: 31 }))).code).toBe(
      'idempotency_key_reused',
    );
    // Over HTTP the key means the same.
    const body = { tilt_deg: 30 };
    const run = await gateway.call(RUN_PATH, { body, headers: { 'idempotency-key': `k-${mode}` } });
    expect([run.status, run.json.job_id]).toEqual([202, first]);
  });

  test('reads of a limit of the tenant in the result', async () => {
    const limit = (limits: object) =>
      gateway.call(`/admin/tenants/${TENANT}`, { method: 'PUT', token: ADMIN_KEY, body: { limits } });
    const { job_id } = await makeJob();
    await limit({ status_requests_per_second: 1 });
    try {
      await using client = disposable(await connect(gateway, { mode }));
      const get = () => client.it.callTool({ name: 'get_job', arguments: { job_id } });
      const refused = await waitUntil(async () => {
        const { isError, ...result } = await get();
        return isError ? { isError, ...result } : undefined;
      });
      expect(problemOf(refused).code).toBe('too_many_status_requests');
    } finally {
      await limit({});
    }
  });

  test('leaves, and its job goes on', async () => {
    const leaving = await connect(gateway, { mode });
    const requested = await listenForRun(gateway);
    const called = expect(leaving.callTool(simulate())).rejects.toThrow();
    const { ref, version } = await requested.job;
    const waits = async () => /^errand_job_waits\S* (\d+)$/m.exec((await gateway.call('/metrics')).text)?.[1];
    await expect.poll(waits).toBe('1');
    await leaving.close();
    await called;
    await expect.poll(waits).toBe('0');
    await succeed(gateway, ref.jobId, version);
    await using client = disposable(await connect(gateway, { mode }));
    const read = { name: 'get_job', arguments: { job_id: ref.jobId } };
    expect((await client.it.callTool(read)).structuredContent).toMatchObject({ status: 'succeeded' });
  });

  test('does not know what there is not', async () => {
    await using client = disposable(await connect(gateway, { mode }));
    await expect(client.it.callTool({ name: 'nothing', arguments: {} })).rejects.toThrow('Unknown tool');
    const args = { job_id: randomUUIDv7() };
    expect(problemOf(await client.it.callTool({ name: 'get_job', arguments: args })).code).toBe(
      'unknown_job',
    );
    const wrong = problemOf(
      await client.it.callTool({ name: 'get_job', arguments: { job_id: 'x', wait_s: 61 } }),
    );
    expect(wrong.errors).toMatchObject([{ pointer: '#/job_id' }, { pointer: '#/wait_s' }]);
  });
});

test('a key has the tools of its scopes, and gets 403 for others', async () => {
  const runs = await createKeyFor(gateway, { scopes: ['runs:write'] });
  await using runner = disposable(await connect(gateway, { token: runs, headers: { prefer: 'wait=0' } }));
  expect(await toolNames(runner.it)).toEqual(['paint', 'simulate']);
  const ran = await runner.it.callTool(simulate());
  expect(JSON.stringify(ran.content)).toContain('This key may not read');
  const get = { name: 'get_job', arguments: { job_id: jobIdOf(ran) } };
  await expect(runner.it.callTool(get)).rejects.toMatchObject({ data: { status: 403 } });
  await expect(runner.it.callTool({ ...get, name: 'cancel_job' })).rejects.toMatchObject({
    data: { status: 403 },
  });

  const reads = await createKeyFor(gateway, { scopes: ['jobs:read'] });
  await using reader = disposable(await connect(gateway, { token: reads }));
  expect(await toolNames(reader.it)).toEqual(['get_job']);
  expect((await reader.it.callTool(get)).structuredContent).toMatchObject({ status: 'queued' });
  await expect(reader.it.callTool(simulate())).rejects.toMatchObject({ data: { status: 403 } });
});

test('a key for some actions has these as tools, and finds their jobs only', async () => {
  const token = await createKeyFor(gateway, { actions: ['paint'] });
  await using client = disposable(await connect(gateway, { token, headers: { prefer: 'wait=0' } }));
  expect(await toolNames(client.it)).toEqual(['paint', 'get_job', 'cancel_job']);
  await expect(client.it.callTool(simulate())).rejects.toThrow('Unknown tool');
  const { job_id } = await makeJob();
  for (const name of ['get_job', 'cancel_job'])
    expect(problemOf(await client.it.callTool({ name, arguments: { job_id } })).code).toBe('unknown_job');
  const own = jobIdOf(await client.it.callTool({ ...simulate(), name: 'paint' }));
  const found = await client.it.callTool({ name: 'get_job', arguments: { job_id: own } });
  expect(found.structuredContent).toMatchObject({ action: 'paint' });
});

test('the jobs of a key for some metadata have it, and the key finds no others', async () => {
  const token = await createKeyFor(gateway, { metadata_filter: { customer: 'c-1' } });
  await using client = disposable(await connect(gateway, { token, headers: { prefer: 'wait=0' } }));
  const own = jobIdOf(await client.it.callTool(simulate()));
  expect((await gateway.call(`/v2/tenants/${TENANT}/jobs/${own}`)).json.metadata).toEqual({
    customer: 'c-1',
  });
  expect((await client.it.callTool({ name: 'get_job', arguments: { job_id: own } })).isError).toBeUndefined();
  const { job_id } = await makeJob();
  const other = await client.it.callTool({ name: 'get_job', arguments: { job_id } });
  expect(problemOf(other).code).toBe('unknown_job');
});

test('a token for one job reads that job, and runs nothing', async () => {
  const { job_id } = await makeJob();
  const { job_id: other } = await makeJob();
  const body = { scopes: ['jobs:read', 'runs:write'], job_id };
  const { token } = (await gateway.call(`/v2/tenants/${TENANT}/tokens`, { body })).json;
  await using client = disposable(await connect(gateway, { token }));
  expect(await toolNames(client.it)).toEqual(['get_job']);
  await expect(client.it.callTool(simulate())).rejects.toThrow('Unknown tool');
  const read = (id: string) => client.it.callTool({ name: 'get_job', arguments: { job_id: id } });
  expect((await read(job_id)).structuredContent).toMatchObject({ status: 'queued' });
  expect(problemOf(await read(other)).code).toBe('unknown_job');
});

test('a tenant that may run some actions has these as tools', async () => {
  const put = (actions: string[] | null) =>
    gateway.call(`/admin/tenants/${TENANT}`, { method: 'PUT', token: ADMIN_KEY, body: { actions } });
  await put(['paint']);
  try {
    await using client = disposable(await connect(gateway));
    await expect.poll(() => toolNames(client.it)).toEqual(['paint', 'get_job', 'cancel_job']);
  } finally {
    await put(null);
  }
});

test('another tenant finds neither the place nor the jobs', async () => {
  const { job_id } = await makeJob();
  const { api_key: token } = await gateway.createKey('other', 'stranger');
  await expect(connect(gateway, { token, mode: 'legacy' })).rejects.toMatchObject({ data: { status: 404 } });
  await using client = disposable(await connect(gateway, { token, tenantId: 'other' }));
  const found = await client.it.callTool({ name: 'get_job', arguments: { job_id } });
  expect(problemOf(found).code).toBe('unknown_job');
});

/** One message without an SDK. */
const post = (
  message: unknown,
  options: { token?: string | null; headers?: Record<string, string> } = {},
) => {
  const headers = { accept: 'application/json, text/event-stream', ...options.headers };
  return gateway.call(mcpPath(), { ...options, body: message, headers });
};
const LIST = { jsonrpc: '2.0', id: 1, method: 'tools/list' };

test('what is refused before a message is read is answered as everywhere', async () => {
  expect((await post(LIST, { token: null })).json.code).toBe('unauthorized');
  expect((await post(LIST, { token: null })).headers.get('www-authenticate')).toContain('Bearer');
  expect((await post(LIST, { headers: { 'content-type': 'text/plain' } })).json.code).toBe(
    'unsupported_media_type',
  );
  expect((await post([LIST])).json.code).toBe('not_an_object');
  expect((await post({ ...LIST, params: { pad: 'x'.repeat(30_000) } })).json.code).toBe('too_large');
  expect((await post('{"jsonrpc":"2.0","id":1e400,"method":"tools/list"}')).json.errors).toMatchObject([
    { pointer: '#/id', code: 'inexact_number' },
  ]);
  expect((await post({ ...LIST, id: 1.5 })).json.errors).toMatchObject([{ pointer: '#/id', code: 'type' }]);
  for (const id of [true, null, {}, []]) expect((await post({ ...LIST, id })).status).toBe(400);
  expect((await post(LIST, { headers: { accept: 'application/json' } })).status).toBe(406);
  for (const method of ['GET', 'DELETE']) {
    const answer = await gateway.call(mcpPath(), { method });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
  }
});

test('a value that cannot be given back as it came is named by its pointer in the arguments', async () => {
  const text =
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"simulate","arguments":{"design_id":"d","tilt_deg":0.1234567890123456789}}}';
  const { status, text: answer } = await post(text);
  expect(status).toBe(200);
  const data = JSON.parse(/^data: (.*)$/m.exec(answer)?.[1] ?? '');
  expect(problemOf(data.result).errors).toMatchObject([{ pointer: '#/tilt_deg', code: 'inexact_number' }]);
});

test('pages of origins that are not allowed are refused', async () => {
  const from = async (origin: string) => (await post(LIST, { headers: { origin } })).status;
  expect(await from(APP)).toBe(200);
  const sent = ['mcp-protocol-version', 'mcp-method', 'mcp-name'];
  const asked = {
    origin: APP,
    'access-control-request-method': 'POST',
    'access-control-request-headers': sent.join(),
  };
  const { headers } = await gateway.call(mcpPath(), { method: 'OPTIONS', token: null, headers: asked });
  expect(headers.get('access-control-allow-headers')?.split(',')).toEqual(expect.arrayContaining(sent));
  expect(await from('https://evil.example')).toBe(403);
  expect(await from('null')).toBe(403);
  // A name that resolves to this gateway is no reason.
  expect(await from(gateway.url)).toBe(403);
  await using hosted = await gateway.another({ corsOrigins: [], allowedHosts: ['127.0.0.1'] });
  const call = (origin: string) =>
    fetch(hosted.url + mcpPath(), {
      method: 'POST',
      body: JSON.stringify(LIST),
      headers: {
        authorization: `Bearer ${gateway.apiKey}`,
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
        origin,
      },
    });
  expect((await call(hosted.url)).status).toBe(200);
  expect((await call('https://evil.example')).status).toBe(403);
});

function disposable(it: Client): AsyncDisposable & { readonly it: Client } {
  return { it, [Symbol.asyncDispose]: () => it.close() };
}
