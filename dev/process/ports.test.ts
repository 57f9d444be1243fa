import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { freePort } from '@errand/local-servers';
import { expect, test } from 'vitest';
import { choosePorts } from './ports.ts';

test('a remembered port is kept while it is free', async () => {
  const remembered = { a: await freePort(), b: await freePort() };
  expect(await choosePorts(['a', 'b'], remembered)).toEqual(remembered);
});

test('a remembered port that is taken, or that two names share, is replaced', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const taken = (server.address() as AddressInfo).port;
  const shared = await freePort();
  try {
    const ports = await choosePorts(['a', 'b', 'c'], { a: taken, b: shared, c: shared });
    expect(ports.a).not.toBe(taken);
    expect(ports.b).toBe(shared);
    expect(new Set(Object.values(ports)).size).toBe(3);
  } finally {
    server.close();
  }
});
