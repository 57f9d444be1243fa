import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { createAddressRules } from '@errand/runtime';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { BLOCKED_ANSWERS, BLOCKED_URLS, NEVER_PUBLIC_NAMES } from '../../test/egress-corpus.ts';
import { createSender } from '../sending/sender.ts';
import { createEgress } from './connector.ts';
import { createHostResolver, type ResolveHost } from './resolve-host.ts';

/** Listens where every blocked spelling of this machine leads to; what it accepts got through. */
let canary: TcpServer;
let accepted: number;
let server: Server;

beforeAll(async () => {
  canary = createTcpServer((socket) => {
    accepted++;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  server = createServer((request, response) => {
    if (request.url === '/moved')
      response.writeHead(302, { location: `http://127.0.0.1:${portOf(canary)}/` });
    response.end('here');
  }).listen(0, '127.0.0.1');
  await Promise.all([once(canary, 'listening'), once(server, 'listening')]);
});

afterAll(() => {
  canary.close();
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  accepted = 0;
});

const portOf = (listening: Server | TcpServer) => (listening.address() as AddressInfo).port;

async function call(
  url: string,
  options: { resolve?: ResolveHost; allowHttp?: boolean; allowCidrs?: string[] } = {},
) {
  const { allowHttp = false, allowCidrs = [] } = options;
  const egress = createEgress({
    allowHttp,
    rules: createAddressRules({ allowCidrs, denyCidrs: [] }),
    resolve: options.resolve ?? (async () => ['127.0.0.1']),
    connectTimeoutMs: 1_000,
  });
  const limits = { timeoutMs: 2_000, maxResponseBytes: 100, keptResponseBytes: 100, connections: 1 };
  const sender = createSender({ ...limits, connect: egress });
  try {
    return await sender.send('endpoint', { method: 'POST', url, headers: {}, body: '{}' });
  } finally {
    await sender.destroy();
  }
}

const blocked = { kind: 'broken', status: null, error: { code: 'address_blocked' } };

test.each(BLOCKED_URLS)('%s is not connected to, by https or http', async (url) => {
  const target = url.replace('PORT', String(portOf(canary)));
  expect(await call(target)).toMatchObject(blocked);
  expect(await call(target.replace('https', 'http'), { allowHttp: true })).toMatchObject(blocked);
  expect(accepted).toBe(0);
});

test.each(BLOCKED_ANSWERS)(
  'a name that resolves to %s is not connected to',
  async (...answers: (string | undefined)[]) => {
    const url = `https://hook.example:${portOf(canary)}/`;
    expect(await call(url, { resolve: async () => answers.flatMap((a) => a ?? []) })).toMatchObject(blocked);
    expect(accepted).toBe(0);
  },
);

test.each(NEVER_PUBLIC_NAMES)(
  '%s is not connected to, even where it resolves to a public address',
  async (name) => {
    expect(
      await call(`https://${name}:${portOf(canary)}/`, { resolve: async () => ['1.1.1.1'] }),
    ).toMatchObject(blocked);
  },
);

test('of mixed answers the blocked ones are left out', async () => {
  const port = portOf(canary);
  const allowed = { allowHttp: true, allowCidrs: ['127.0.0.2/32'] };
  const resolve = async () => ['127.0.0.1', '::1', '169.254.169.254', '127.0.0.2'];
  // Nobody listens on 127.0.0.2.
  expect(await call(`http://hook.example:${port}/`, { ...allowed, resolve })).toMatchObject({
    kind: 'broken',
    error: { code: 'ECONNREFUSED' },
  });
  expect(accepted).toBe(0);
});

test('a name that resolves to a public address first and to this machine later gets no connection here', async () => {
  let asked = 0;
  let nowMs = 0;
  const resolve = createHostResolver(
    async () => [{ address: ++asked === 1 ? '127.0.0.2' : '127.0.0.1', ttl: 0 }],
    () => nowMs,
  );
  const options = { allowHttp: true, allowCidrs: ['127.0.0.2'], resolve };
  const url = `http://rebinding.example:${portOf(canary)}/`;
  // 127.0.0.2 stands for the public address; within one call only the answer that was checked is used.
  expect(await call(url, options)).toMatchObject({ error: { code: 'ECONNREFUSED' } });
  nowMs = 60_000;
  expect(await call(url, options)).toMatchObject(blocked);
  expect([asked, accepted]).toEqual([2, 0]);
});

test('a redirect to this machine is answered as it came and not followed', async () => {
  const url = `http://127.0.0.1:${portOf(server)}/moved`;
  const exchange = await call(url, { allowHttp: true, allowCidrs: ['127.0.0.0/8'] });
  expect(exchange).toMatchObject({ kind: 'answered', status: 302 });
  expect(accepted).toBe(0);
});

test('http is refused unless it is allowed', async () => {
  const url = `http://127.0.0.1:${portOf(server)}/`;
  expect(await call(url, { allowCidrs: ['127.0.0.0/8'] })).toMatchObject({
    error: { code: 'scheme_blocked' },
  });
});

test('what the operator allows is reached, by address and by a name that is never public', async () => {
  const options = { allowHttp: true, allowCidrs: ['127.0.0.0/8'] };
  for (const host of ['127.0.0.1', '[::ffff:127.0.0.1]', 'localhost', 'receiver']) {
    const exchange = await call(`http://${host}:${portOf(server)}/`, options);
    expect(exchange).toMatchObject({ kind: 'answered', status: 200, response: 'here' });
  }
});

test('a name without an address is a failure of its own', async () => {
  const exchange = await call('https://hook.example/', { resolve: async () => [] });
  expect(exchange).toMatchObject({ kind: 'broken', error: { code: 'ENOTFOUND' } });
});

test('the error does not tell the address', async () => {
  const exchange = await call('https://hook.example/', { resolve: async () => ['10.1.2.3'] });
  expect(exchange.kind === 'broken' && String(exchange.error)).not.toContain('10.1.2.3');
});
