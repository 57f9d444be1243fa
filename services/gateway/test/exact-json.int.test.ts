import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, RUN_PATH, startTestGateway, TENANT, type TestGateway } from './gateway.ts';

/* What JSON can say and its readers cannot keep is refused by name, whichever way it comes in. */

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startTestGateway();
});
afterAll(() => gateway[Symbol.asyncDispose]());

const BATCH_PATH = `${RUN_PATH}-batch`;
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

function namedOf({ status, json }: { status: number; json: { errors?: object[] } }): unknown[] {
  return [
    status,
    ...(json.errors ?? []).map((error) =>
      Object.values({ ...error, detail: undefined })
        .filter(Boolean)
        .join(' '),
    ),
  ];
}

const HALF = 'not_well_formed';
test.each([
  [
    RUN_PATH,
    '{"tilt_deg":1,"_job":{"webhook":{"url":"http://127.0.0.1:9300/x?\\ud800"}}}',
    `#/_job/webhook/url ${HALF}`,
  ],
  [RUN_PATH, '{"tilt_deg":1,"anything":{"\\udfff":1}}', `#/anything/%EF%BF%BD ${HALF}`],
  [RUN_PATH, '{"tilt_deg":1,"anything":1970670598291982290}', '#/anything inexact_number'],
  [RUN_PATH, '{"tilt_deg":1e-400}', '#/tilt_deg inexact_number'],
  [RUN_PATH, '{"tilt_deg":1,"anything":[1e400]}', '#/anything/0 inexact_number'],
  [
    RUN_PATH,
    '{"tilt_deg":1,"_job":{"metadata":{"__proto__":"x"}}}',
    '#/_job/metadata/__proto__ reserved_name',
  ],
  [RUN_PATH, '{"tilt_deg":1,"anything":{"a":1,"b":2,"a":3}}', '#/anything/a repeated_name'],
  [RUN_PATH, '{"tilt_deg":1,"tilt_deg":2}', '#/tilt_deg repeated_name'],
  [`/admin/tenants/${TENANT}/keys`, '{"name":"a\\ud800"}', `#/name ${HALF}`],
  [`/admin/tenants/${TENANT}/keys`, '{"name":"a\\u0000b"}', '#/name invalid'],
  [`/v2/tenants/${TENANT}/webhooks`, '{"url":"https://h/","description":"\\ud800"}', `#/description ${HALF}`],
  [`/v2/tenants/${TENANT}/webhooks`, '{"url":"https://h/","description":"\\u0000"}', '#/description invalid'],
])('%s %s', async (path, body, wanted) => {
  const token = path.startsWith('/admin') ? ADMIN_KEY : gateway.apiKey;
  expect(namedOf(await gateway.call(path, { body, token }))).toEqual([422, wanted]);
});

test('a reason of a cancel is text that everything can keep', async () => {
  const { json } = await gateway.call(RUN_PATH, { body: { tilt_deg: 1 } });
  const cancel = (reason: string) => gateway.call(json.links.cancel, { body: `{"reason":"${reason}"}` });
  expect(namedOf(await cancel('\\ud800'))).toEqual([422, `#/reason ${HALF}`]);
  expect(namedOf(await cancel('\\u0000'))).toEqual([422, '#/reason invalid']);
});

test('an item of a batch is refused alone', async () => {
  const items = [
    '{"tilt_deg":1}',
    '{"tilt_deg":1,"_job":{"webhook":{"url":"https://h/\\ud800"}}}',
    `{"tilt_deg":1,"anything":${nested(199)}}`,
    `{"tilt_deg":1,"anything":${nested(200)}}`,
    '{"tilt_deg":12345678901234567890}',
    '{"tilt_deg":1,"tilt_deg":2}',
  ];
  const { status, json } = await gateway.call(BATCH_PATH, { body: `{"items":[${items}]}` });
  expect([status, json.accepted]).toEqual([202, 1]);
  expect(json.items.slice(1).map((item: { errors: object[] }) => item.errors)).toMatchObject([
    [{ pointer: '#/_job/webhook/url', code: HALF }],
    [{ code: 'nested_too_deeply' }],
    [{ code: 'nested_too_deeply' }],
    [{ pointer: '#/tilt_deg', code: 'inexact_number' }],
    [{ pointer: '#/tilt_deg', code: 'repeated_name' }],
  ]);
  const twice = await gateway.call(BATCH_PATH, {
    body: '{"items":[{"tilt_deg":1}],"items":[{"tilt_deg":2}]}',
  });
  expect(namedOf(twice)).toEqual([422, '#/items repeated_name']);
  const around = await gateway.call(BATCH_PATH, { body: '{"items":[{"tilt_deg":1}],"more":"\\ud800"}' });
  expect(around.status).toBe(422);
  const allWrong = await gateway.call(BATCH_PATH, {
    body: `{"items":[${'{"tilt_deg":1e400},'.repeat(200)}{"tilt_deg":1}]}`,
  });
  expect(allWrong.status).toBe(422);
});

test('nesting has one limit, with the pointer where it is passed', async () => {
  const run = (depth: number) =>
    gateway.call(RUN_PATH, { body: `{"tilt_deg":1,"anything":${nested(depth)}}` });
  const deepest = await run(199);
  expect(deepest.status).toBe(202);
  const found = await gateway.call(deepest.json.links.job);
  expect([found.status, found.json.status]).toEqual([200, 'queued']);
  const { status, json } = await run(200);
  expect([status, json.code, json.errors.length]).toEqual([400, 'nested_too_deeply', 1]);
});

test.each([
  ['with a length', (bytes: Buffer<ArrayBuffer>) => bytes],
  ['in chunks', (bytes: Buffer<ArrayBuffer>) => new Blob([bytes.subarray(0, 7), bytes.subarray(7)]).stream()],
])('bytes that are not UTF-8 are refused, and a byte order mark is dropped, %s', async (_name, bodyOf) => {
  const send = async (bytes: Buffer<ArrayBuffer>) => {
    const headers = { authorization: `Bearer ${gateway.apiKey}`, 'content-type': 'application/json' };
    const request = { method: 'POST', body: bodyOf(bytes), headers, duplex: 'half' } as RequestInit;
    const response = await fetch(gateway.url + RUN_PATH, request);
    return [response.status, ((await response.json()) as { code?: string }).code];
  };
  expect(await send(Buffer.from('{"tilt_deg":1,"name":"\xe9"}', 'latin1'))).toEqual([400, 'not_utf8']);
  expect(await send(Buffer.from('{"tilt_deg":1,"name":"\xed\xa0\x80"}', 'latin1'))).toEqual([
    400,
    'not_utf8',
  ]);
  expect(await send(Buffer.from('\ufeff{"tilt_deg":1,"name":"é"}'))).toEqual([202, undefined]);
});

test.each([
  ['application/json; charset=utf-16', 415],
  ['application/json;charset="iso-8859-1"', 415],
  ['application/json; charset=utf-80', 415],
  ['application/json; charset=UTF-8', 202],
  ['application/json; profile=x;charset="utf-8"; v=1', 202],
])('a body of type %s is %i', async (type, status) => {
  const answer = await gateway.call(RUN_PATH, { body: '{"tilt_deg":1}', headers: { 'content-type': type } });
  expect(answer.status).toBe(status);
});

test.each(['%ED%A0%80', '%FF', '%00', 'a%0Ab'])('a resource of %s is refused', async (value) => {
  const path = RUN_PATH.replace('d-1', value);
  expect(namedOf(await gateway.call(path, { body: { tilt_deg: 1 } }))).toEqual([
    422,
    'design_id invalid_parameter',
  ]);
});

test('an address with raw bytes is refused as what it is', async () => {
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
  socket.write(
    Buffer.from(
      `GET /v2/tenants/${TENANT}/jobs?metadata.a=\xff HTTP/1.1\r\nhost: h\r\nauthorization: Bearer ${gateway.apiKey}\r\nconnection: close\r\n\r\n`,
      'latin1',
    ),
  );
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 4\d\d /);
});
