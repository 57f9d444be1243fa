import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { run } from '../test/command.ts';
import { startTestGateway } from '../test/gateway.ts';
import { createGateway, orElse } from './gateway.ts';

const REFUSED = {
  status: 422,
  headers: { 'x-request-id': 'r-1' },
  body: {
    code: 'invalid_input',
    detail: 'Some inputs are wrong.',
    errors: [{ pointer: '#/name', code: 'min_length', detail: 'must not be empty' }],
  },
};

test('a refusal comes with its code, its pointers and the id of its request', async () => {
  await using gateway = await startTestGateway({
    'GET /v2/tenants/t/events': REFUSED,
    'POST /admin/tenants/t/keys': REFUSED,
    'POST /admin/verifications': REFUSED,
    'GET /admin/audit': REFUSED,
    'POST /admin/projections/job_summary/rebuild': REFUSED,
  });
  for (const [words, code] of [
    ['feed', 3],
    ['keys create x', 3],
    ['verify', 2],
    ['audit export', 2],
    ['projection rebuild', 2],
  ] as const) {
    const refused = await run([...words.split(' '), '--json'], gateway.env);
    expect([words, refused.code]).toEqual([words, code]);
    expect(JSON.parse(refused.out)).toMatchObject({
      error: { code: 'invalid_input', status: 422, errors: [{ pointer: '#/name' }], request_id: 'r-1' },
    });
    expect(refused.said).toContain('\n  #/name  must not be empty (min_length)\n');
  }
});

test('a refused key is reported with its source', async () => {
  const refused = { status: 401, body: { code: 'unauthorized', detail: '' } };
  await using gateway = await startTestGateway({ 'GET /admin/dead-letters': refused });
  expect(await run(['dead-letters'], gateway.env)).toMatchObject({
    code: 2,
    said: 'errand: the gateway refused the admin key from ERRAND_ADMIN_KEY\n',
  });
});

test('a server that sends nothing, or stops sending, is not waited for', async () => {
  const server = createServer((request, response) => {
    if (request.url === '/half') response.writeHead(200).write('half');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { signal } = new AbortController();
  try {
    const gateway = createGateway({ base, key: 'k', signal, timeoutMs: 20 });
    const late = { code: 'timeout' };
    await expect(gateway.json({ method: 'POST', path: '/silent' })).rejects.toMatchObject(late);
    await expect(gateway.stream({ method: 'GET', path: '/silent' }, 20).next()).rejects.toMatchObject(late);
    const half = createGateway({ base, key: 'k', signal }).stream({ method: 'GET', path: '/half' }, 20);
    expect(Buffer.from((await half.next()).value ?? []).toString()).toBe('half');
    await expect(half.next()).rejects.toMatchObject(late);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test('a refusal that is an answer is distinguished from all others', async () => {
  await using gateway = await startTestGateway({});
  const { signal } = new AbortController();
  const call = () =>
    createGateway({ base: gateway.url, key: 'k', signal }).json({ method: 'GET', path: '/nowhere' });
  expect(await orElse(call(), { unknown_route: 'none' })).toBe('none');
  await expect(orElse(call(), { toString: 'none' })).rejects.toMatchObject({ code: 'unknown_route' });
});
