/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: the form of a secret is what is tested */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { type Receiver, startReceiver } from '@errand/testkit';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestFile, runOnce, type TestFile } from './declarations.ts';

let receiver: Receiver;
let file: TestFile;
beforeAll(async () => {
  file = await createTestFile({ TOKEN: 'tok-1' });
  receiver = await startReceiver();
});
beforeEach(() => {
  receiver.requests.length = 0;
  receiver.respond = () => ({ status: 200, body: '{"data":{"price":7}}' });
});
afterAll(async () => {
  await receiver?.[Symbol.asyncDispose]();
  await file?.[Symbol.asyncDispose]();
});

/** An action that calls the receiver, with further lines of its `http`. */
function calling(path: string, ...more: string[]) {
  return file.one(`actions:
  quote:
    resource: customers/{customer_id}
    input: { type: object, properties: { size: { type: integer } }, required: [size] }
    http:
      url: ${receiver.url}${path}
${more.map((line) => `      ${line}`).join('\n')}
`);
}
const REFUSAL = 'HTTP/1.1 400 Bad\r\ncontent-length: 99\r\n\r\n';

/** An endpoint that answers as it likes, in bytes. */
async function answering(answer: (socket: Socket) => void): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer((socket) => {
    socket.once('error', () => {});
    socket.once('data', () => answer(socket));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}/`,
    [Symbol.asyncDispose]: async () => void server.close(),
  };
}

const given = { input: { size: 3 }, resource: { customer_id: 'a b' } };

test('the input is posted as JSON, with the job as idempotency key, the trace and the secret headers', async () => {
  const action = await calling(
    '/{customer_id}/q?n={size}',
    "headers: { Authorization: 'Bearer ${secret:TOKEN}' }",
  );
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const { result } = runOnce(action, { ...given, jobId: 'job-1', traceparent });
  expect(await result).toEqual({ data: { price: 7 } });
  expect(receiver.requests).toMatchObject([
    {
      method: 'POST',
      url: '/a%20b/q?n=3',
      body: '{"size":3}',
      headers: {
        authorization: 'Bearer tok-1',
        'content-type': 'application/json',
        'idempotency-key': 'job-1',
        traceparent,
      },
    },
  ]);
});

test('request and result are taken together by pointers', async () => {
  const action = await calling(
    '/q',
    'method: PUT',
    'body: { customer: /resource/customer_id, size: /input/size, none: /input/nothing, job: /job_id }',
    'response: { price: /data/price }',
  );
  expect(await runOnce(action, { ...given, jobId: 'job-1' }).result).toEqual({ price: 7 });
  expect(JSON.parse(receiver.requests[0]?.body ?? '')).toEqual({ customer: 'a b', size: 3, job: 'job-1' });
});

test('a GET has no body', async () => {
  const action = await calling('/q?n={size}', 'method: GET', 'response: /data');
  expect(await runOnce(action, given).result).toEqual({ price: 7 });
  expect(receiver.requests[0]).toMatchObject({ method: 'GET', body: '' });
});

test.each([
  [400, [], true],
  [404, [], true],
  [302, [], true],
  [429, [], false],
  [503, [], false],
  [409, ['retry_on: [409]'], false],
  [500, ['permanent: [500]'], true],
])('%i ends the job or is tried again: %j', async (status, more, isPermanent) => {
  receiver.respond = () => ({
    status,
    headers: { location: `${receiver.url}/elsewhere` },
    body: 'inner words',
  });
  const error = await runOnce(await calling('/q', ...more), given).result.catch((reason: unknown) => reason);
  expect(error).toMatchObject(
    isPermanent ? { code: 'endpoint_refused', details: [{ status }] } : { name: 'Error' },
  );
  expect(JSON.stringify(error)).not.toContain('inner words');
  expect(receiver.requests).toHaveLength(1);
});

test.each([
  ['2', 2_000],
  ['86400', 3_600_000],
  ['soon', undefined],
])('Retry-After: %s of a 429 is told with the failure, up to an hour', async (value, afterMs) => {
  receiver.respond = () => ({ status: 429, headers: { 'retry-after': value } });
  const error = await runOnce(await calling('/q'), given).result.catch((reason: unknown) => reason);
  expect((error as { afterMs?: number }).afterMs).toBe(afterMs);
});

test('of a refusal callers see what the file points at', async () => {
  receiver.respond = () => ({ status: 422, body: '{"errors":[{"field":"size"}],"trace":"inner words"}' });
  const { result } = runOnce(await calling('/q', 'error_details: /errors'), given);
  await expect(result).rejects.toMatchObject({ details: [{ status: 422, answer: [{ field: 'size' }] }] });
});

test('of a refusal callers see nothing that would be too much for an event', async () => {
  receiver.respond = () => ({ status: 422, body: JSON.stringify({ errors: 'x'.repeat(100_000) }) });
  const { result } = runOnce(await calling('/q', 'error_details: /errors'), given);
  const { details } = await result.then(null, (error) => error);
  expect(details).toEqual([{ status: 422 }]);
});

test.each([
  ['', { code: 'endpoint_refused', details: [{ status: 400 }] }],
  [', error_details: /errors', { code: 'endpoint_refused', details: [{ status: 400 }] }],
  [', retry_on: [400]', { name: 'Error', message: 'the endpoint answered 400' }],
])('a refusal whose body breaks off is one%s', async (more, error) => {
  await using endpoint = await answering((socket) => socket.end(`${REFUSAL}{`));
  const { result } = runOnce(await file.one(`actions: { a: { http: { url: '${endpoint.url}'${more} } } }`));
  await expect(result).rejects.toMatchObject(error);
});

test('a status is enough for a refusal, however long its body takes', async () => {
  await using endpoint = await answering((socket) => socket.write(`${REFUSAL}{`));
  const { result } = runOnce(await file.one(`actions: { a: { http: { url: '${endpoint.url}' } } }`));
  await expect(result).rejects.toMatchObject({ code: 'endpoint_refused' });
});

test('an answer that is too large ends the job, and one that is no JSON is tried again', async () => {
  const action = await calling('/q', 'max_response_bytes: 10');
  await expect(runOnce(action, given).result).rejects.toMatchObject({ code: 'response_too_large' });
  receiver.respond = () => ({ status: 200, body: '<html>' });
  await expect(runOnce(action, given).result).rejects.toMatchObject({ name: 'SyntaxError' });
});

test.each(['..', '.'])('a parameter %s leads nowhere else', async (customer_id) => {
  const { result } = runOnce(await calling('/q/{customer_id}/x'), { ...given, resource: { customer_id } });
  await expect(result).rejects.toMatchObject({ code: 'invalid_parameter' });
  expect(receiver.requests).toEqual([]);
});

test.each([
  ['says nothing', () => {}],
  [
    'drips',
    (socket: NodeJS.WritableStream) => void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{'),
  ],
])('an endpoint that %s is left at the signal, and its connection is closed', async (_, onRequest) => {
  const closed = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    socket.once('data', () => {
      onRequest(socket);
      asked.resolve();
    });
    socket.once('error', () => {}).once('close', () => closed.resolve());
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  const action = await file.one(`actions: { a: { http: { url: 'http://127.0.0.1:${port}/' } } }`);
  const stop = new AbortController();
  const { result } = runOnce(action, { signal: stop.signal });
  const refused = expect(result).rejects.toMatchObject({ name: 'AbortError' });
  await asked.promise;
  stop.abort();
  await refused;
  await closed.promise;
  server.close();
});

test('an endpoint may say 100 Continue before its answer, which it was not asked for', async () => {
  await using endpoint = await answering((socket) =>
    socket.end('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{"a":1}'),
  );
  const action = await file.one(`actions: { a: { http: { url: '${endpoint.url}' } } }`);
  expect(await runOnce(action).result).toEqual({ a: 1 });
});

test('an answer that is not UTF-8 ends the job by name', async () => {
  const latin1 = Buffer.from('{"name":"M\u00fcller"}', 'latin1');
  await using endpoint = await answering((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${latin1.length}\r\n\r\n`);
    socket.end(latin1);
  });
  const action = await file.one(`actions: { a: { http: { url: '${endpoint.url}' } } }`);
  await expect(runOnce(action).result).rejects.toMatchObject({ code: 'invalid_output' });
});
