import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { Problem, RunAccepted } from '@errand/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, RUN_PATH, SIMULATE, startTestGateway, TENANT, type TestGateway } from './gateway.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway({ maxBodyBytes: 100_000 });
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
});

const run = (body: unknown, options = {}) => gateway.call(RUN_PATH, { body, ...options });

test('a run is accepted with 202, a status link and a version', async () => {
  const answer = await run({ tilt_deg: 30, _job: { metadata: { order: 'A-7' } } });
  expect(answer.status).toBe(202);
  const accepted = RunAccepted.parse(answer.json);
  expect(accepted.version).toBeGreaterThan(0);
  expect(accepted.links).toEqual({
    status: `/v2/tenants/acme/designs/d-1/simulate/status?job_id=${accepted.job_id}`,
    job: `/v2/tenants/acme/jobs/${accepted.job_id}`,
    events: `/v2/tenants/acme/jobs/${accepted.job_id}/events`,
    cancel: `/v2/tenants/acme/jobs/${accepted.job_id}/cancel`,
  });
  expect(answer.headers.get('location')).toBe(accepted.links.status);
  expect(answer.headers.get('retry-after')).toBe('1');
});

test('what was accepted is in the log: input without _job, resource, metadata, key name, trace context', async () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const { json } = await gateway.call(RUN_PATH.replace('d-1', 'd%2F1%20%C3%A9'), {
    body: { tilt_deg: 30, _job: { metadata: { order: 'A-7' } } },
    headers: { traceparent },
  });
  const [recorded] = await gateway.bus.jobs.read({ tenantId: TENANT, jobId: json.job_id });
  expect(recorded).toMatchObject({
    version: json.version,
    ref: { action: 'simulate' },
    event: {
      type: 'JobRequested',
      source: '/errand/gateway',
      traceparent,
      data: {
        input: { tilt_deg: 30 },
        resource: { design_id: 'd/1 é' },
        metadata: { order: 'A-7' },
        requested_by: 'test key',
        source: 'api',
      },
    },
  });
  const status = await gateway.call(json.links.status);
  expect([status.status, status.json.resource]).toEqual([200, { design_id: 'd/1 é' }]);
  expect(status.json.links).toEqual(json.links);
});

test('a malformed trace context is not carried', async () => {
  const { json } = await run({ tilt_deg: 1 }, { headers: { traceparent: '00-0-0-01' } });
  const [recorded] = await gateway.bus.jobs.read({ tenantId: TENANT, jobId: json.job_id });
  expect(recorded?.event.traceparent).toBeUndefined();
});

test('the admin key runs actions of every tenant that exists', async () => {
  expect((await run({ tilt_deg: 1 }, { token: ADMIN_KEY })).status).toBe(202);
  const elsewhere = RUN_PATH.replace('acme', 'nobody');
  const refused = await gateway.call(elsewhere, { body: { tilt_deg: 1 }, token: ADMIN_KEY });
  expect([refused.status, refused.json.code]).toEqual([404, 'unknown_tenant']);
});

test('422 names every wrong input at once by its pointer', async () => {
  const answer = await run({ tilt_deg: 91, surface: 'lake', colour: 'red', _job: {} });
  expect(answer.status).toBe(422);
  expect(Problem.parse(answer.json).errors).toEqual([
    { pointer: '#/colour', code: 'unknown_property', detail: 'is not a known property' },
    { pointer: '#/tilt_deg', code: 'maximum', detail: 'must be <= 90' },
    { pointer: '#/surface', code: 'enum', detail: 'must be one of "roof", "ground"' },
  ]);
});

test('422 names wrong job options under _job', async () => {
  const answer = await run({ tilt_deg: 1, _job: { priority: 0, metadata: { a: 1 } } });
  expect(answer.status).toBe(422);
  expect(answer.json.errors.map(({ pointer }: { pointer: string }) => pointer).sort()).toEqual([
    '#/_job/metadata/a',
    '#/_job/priority',
  ]);
});

test('wrong inputs and wrong job options are named together', async () => {
  const answer = await run({ tilt_deg: 91, _job: { webhook: {}, colour: 'red', start_by_s: 0 } });
  const found = answer.json.errors.map(
    (each: { pointer: string; code: string }) => `${each.pointer} ${each.code}`,
  );
  expect(found.sort()).toEqual([
    '#/_job/colour unknown_property',
    '#/_job/start_by_s minimum',
    '#/_job/webhook/url required',
    '#/tilt_deg maximum',
  ]);
});

test('a job may start later and must end in time', async () => {
  const startAfter = new Date(Date.now() + 3_600_000).toISOString();
  const _job = { start_after: startAfter, start_by_s: 60, finish_by_s: 120 };
  const { status, json } = await run({ tilt_deg: 1, _job });
  expect(status).toBe(202);
  const [recorded] = await gateway.bus.jobs.read({ tenantId: TENANT, jobId: json.job_id });
  const shifted = (seconds: number) => new Date(Date.parse(startAfter) + seconds * 1_000).toISOString();
  expect(recorded?.event.data).toMatchObject({
    start_after: startAfter,
    start_by: shifted(60),
    finish_by: shifted(120),
  });
  expect((await gateway.call(json.links.job)).json.attempt.next_at).toBe(startAfter);
});

test('a job that could outlive the log is 422', async () => {
  const answer = await run({ tilt_deg: 1, _job: { finish_by_s: 48 * 3_600 } });
  expect([answer.status, answer.json.errors]).toMatchObject([422, [{ pointer: '#/_job/finish_by_s' }]]);
});

test('validate_only checks a run and writes nothing', async () => {
  const dry = (body: unknown, value = 'true') =>
    gateway.call(`${RUN_PATH}?validate_only=${value}`, { body, headers: { 'idempotency-key': 'dry' } });
  const checked = await dry({ tilt_deg: 1 });
  expect([checked.status, checked.json]).toEqual([200, { valid: true }]);
  expect((await dry({ tilt_deg: 91 })).json.errors).toMatchObject([{ pointer: '#/tilt_deg' }]);
  expect((await dry({ tilt_deg: 1 }, 'maybe')).json.errors).toMatchObject([{ parameter: 'validate_only' }]);
  const asked = await dry({ tilt_deg: 1 }, 'false');
  expect([asked.status, asked.headers.get('idempotency-replayed')]).toEqual([202, null]);
});

test.each([
  ['400 Bad Request', 'malformed_request', 'host: a b'],
  ['431 Request Header Fields Too Large', 'headers_too_large', `x: ${'x'.repeat(20_000)}`],
])('%s for what HTTP itself does not allow', async (line, code, header) => {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  socket.write(`GET /healthz HTTP/1.1\r\n${header}\r\nconnection: close\r\n\r\n`);
  const [head, body] = (await text(socket)).split('\r\n\r\n');
  expect(head).toContain(`HTTP/1.1 ${line}`);
  expect(head).toContain('application/problem+json');
  expect(Problem.parse(JSON.parse(body ?? ''))).toMatchObject({ status: Number(line.slice(0, 3)), code });
});

test.each([
  ['400 invalid_json', '{"tilt_deg":', {}],
  ['400 not_an_object', '[1]', {}],
  ['400 not_an_object', 'null', {}],
  ['400 nested_too_deeply', `{"tilt_deg":1,"anything":${'['.repeat(40_000)}${']'.repeat(40_000)}}`, {}],
  ['415 unsupported_media_type', '{"tilt_deg":1}', { headers: { 'content-type': 'text/plain' } }],
  ['415 unsupported_media_type', '{"tilt_deg":1}', { headers: { 'content-encoding': 'gzip' } }],
  ['413 too_large', JSON.stringify({ name: 'x'.repeat(100_001) }), {}],
  ['401 unauthorized', '{"tilt_deg":1}', { token: null }],
  ['401 unauthorized', '{"tilt_deg":1}', { token: 'errand_unknown' }],
])('%s', async (expected, body, options) => {
  const answer = await run(body, options);
  expect(`${answer.status} ${answer.json.code}`).toBe(expected);
  const problem = Problem.parse(answer.json);
  expect(problem).toMatchObject({ type: `urn:errand:problem:${problem.code}`, status: answer.status });
  expect(problem.instance).toBe(`urn:uuid:${answer.headers.get('x-request-id')}`);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.headers.get('www-authenticate') !== null).toBe(answer.status === 401);
});

test('a body without a length is read to the limit and no further', async () => {
  let sent = 0;
  const body = new ReadableStream({
    pull(controller) {
      sent += 50_000;
      controller.enqueue(new Uint8Array(50_000).fill(32));
    },
  });
  const headers = { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' };
  const request = { method: 'POST', body, headers, duplex: 'half' };
  const response = await fetch(gateway.url + RUN_PATH, request as RequestInit);
  expect(response.status).toBe(413);
  expect(sent).toBeGreaterThan(100_000);
});

test('a body without a length is accepted below the limit', async () => {
  const body = new Blob(['{"tilt_deg":', '1}']).stream();
  const headers = { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' };
  const request = { method: 'POST', body, headers, duplex: 'half' };
  expect((await fetch(gateway.url + RUN_PATH, request as RequestInit)).status).toBe(202);
});

test.each([
  ['unknown_action', '/v2/tenants/acme/designs/d-1/paint/run'],
  ['unknown_action', '/v2/tenants/acme/simulate/run'],
  ['unknown_action', '/v2/tenants/acme/plans/d-1/simulate/run'],
  ['unknown_action', '/v2/tenants/acme/designs//simulate/run'],
  ['unknown_tenant', '/v2/tenants/other/designs/d-1/simulate/run'],
  ['unknown_route', '/v2/tenants/acme/designs/d-1/simulate/walk'],
  ['unknown_route', '/v1/run'],
])('404 %s for %s', async (code, path) => {
  const answer = await gateway.call(path, { body: { tilt_deg: 1 } });
  expect([answer.status, answer.json.code]).toEqual([404, code]);
});

test('an action that is somewhere else is told where', async () => {
  const { json } = await gateway.call('/v2/tenants/acme/simulate/run', { body: { tilt_deg: 1 } });
  expect(json.detail).toContain('at /v2/tenants/{tenant_id}/designs/{design_id}/simulate.');
});

test('path parameters with control characters or of more than 200 characters are 422', async () => {
  for (const sent of ['a%00b', 'x'.repeat(201), '%ff']) {
    const answer = await gateway.call(RUN_PATH.replace('d-1', sent), { body: { tilt_deg: 1 } });
    expect([answer.status, answer.json.errors]).toMatchObject([422, [{ parameter: 'design_id' }]]);
  }
});

test.each([
  ['GET', RUN_PATH, 'POST'],
  ['POST', RUN_PATH.replace(/run$/, 'status'), 'GET'],
  ['DELETE', '/v2/tenants/acme/webhooks', 'GET, POST'],
  ['POST', '/healthz', 'GET'],
])('405 for %s %s, with Allow', async (method, path, allow) => {
  const answer = await gateway.call(path, { method });
  expect([answer.status, answer.json.code]).toEqual([405, 'method_not_allowed']);
  expect(answer.headers.get('allow')).toBe(allow);
});

test.each<[string, Record<string, unknown>]>([
  ['has a pattern that RE2 does not take', { type: 'object', properties: { a: { pattern: '(?=x)y' } } }],
  ['would answer with a promise', { $async: true, type: 'object', required: ['a'] }],
  ['refers to itself without end', { $ref: '#' }],
  ['is of another dialect', { $schema: 'http://json-schema.org/draft-07/schema#', type: 'object' }],
  ['is none', { properties: null }],
])('a contract whose schema %s makes its own action answer 503, and no other', async (_, inputSchema) => {
  const name = `broken_${randomUUID().slice(0, 8)}`;
  await gateway.announce({ ...SIMULATE, name, input_schema: inputSchema });
  const path = RUN_PATH.replace('simulate', name);
  const answer = await gateway.call(path, { body: {} });
  expect([answer.status, answer.json.code]).toEqual([503, 'bad_contract']);
  expect((await gateway.call(`${path}?validate_only=true`, { body: {} })).status).toBe(503);
  expect((await run({ tilt_deg: 1 })).status).toBe(202);
  expect((await gateway.call('/openapi.json')).status).toBe(200);
});

test('a small input of a recursive union is answered at once, however deep it is and right or wrong', async () => {
  const branch = (op: string) => ({
    properties: { args: { type: 'array', items: { $ref: '#/$defs/node' } }, op: { const: op } },
    required: ['op', 'args'],
  });
  const number = {
    properties: { op: { const: 'num' }, value: { type: 'number' } },
    required: ['op', 'value'],
  };
  await gateway.announce({
    ...SIMULATE,
    name: 'calculate',
    input_schema: {
      type: 'object',
      properties: { expr: { $ref: '#/$defs/node' } },
      $defs: { node: { oneOf: [branch('add'), branch('mul'), number] } },
    },
  });
  const calculate = (value: unknown) => {
    let expr: unknown = { op: 'num', value };
    for (let depth = 0; depth < 60; depth++) expr = { op: 'mul', args: [expr] };
    return gateway.call(RUN_PATH.replace('simulate', 'calculate'), { body: { expr } });
  };
  expect((await calculate(1)).status).toBe(202);
  const wrong = await calculate('one');
  expect([wrong.status, wrong.json.errors]).toMatchObject([
    422,
    [{ pointer: `#/expr${'/args/0'.repeat(60)}/value`, code: 'type' }],
  ]);
});

test('a changed contract is in force for the next run', async () => {
  const changing = { ...SIMULATE, name: 'changing' };
  const path = RUN_PATH.replace('simulate', 'changing');
  await gateway.announce(changing);
  expect((await gateway.call(path, { body: { tilt_deg: 1, height_m: 2 } })).status).toBe(422);
  await gateway.announce({ ...changing, version: '2', input_schema: { type: 'object' } });
  await expect
    .poll(async () => (await gateway.call(path, { body: { tilt_deg: 1, height_m: 2 } })).status)
    .toBe(202);
});

test('a request id is taken over if it is fit to be logged, else made', async () => {
  const sane = await gateway.call('/v1', { headers: { 'x-request-id': 'abc-1' } });
  expect([sane.headers.get('x-request-id'), sane.json.instance]).toEqual(['abc-1', 'abc-1']);
  const odd = await gateway.call('/v1', { headers: { 'x-request-id': 'a b"' } });
  expect(odd.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
});

test('the catalogue shows contracts with schemas and links', async () => {
  const { json } = await gateway.call('/v2/tenants/acme/actions');
  const shown = json.actions.find(({ name }: { name: string }) => name === 'simulate');
  expect(shown).toEqual({
    ...SIMULATE,
    unserved_since: null,
    contracts: [
      {
        contract_id: SIMULATE.contract_id,
        version: '1',
        first_announced_at: '2026-01-01T00:00:00.000Z',
        unserved_since: null,
      },
    ],
    links: {
      run: '/v2/tenants/acme/designs/{design_id}/simulate/run',
      status: '/v2/tenants/acme/designs/{design_id}/simulate/status?job_id={job_id}',
    },
  });
  expect((await gateway.call('/v2/tenants/acme/actions/simulate')).json).toEqual(shown);
  expect((await gateway.call('/v2/tenants/acme/actions/paint')).status).toBe(404);
});

test('the process says that it is healthy and ready, and what it has served', async () => {
  expect((await gateway.call('/healthz')).status).toBe(200);
  expect((await gateway.call('/readyz')).status).toBe(200);
  const { text } = await gateway.call('/metrics');
  expect(text).toContain(
    'route="/v2/tenants/{tenant_id}/{resource}/{action}/run",method="POST",status="202"',
  );
});
