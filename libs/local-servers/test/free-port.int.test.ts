import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { freePort, isPortFree } from '../src/free-port.ts';

test('ports given out at the same time differ, and each can be listened on', async () => {
  const ports = await Promise.all(Array.from({ length: 50 }, freePort));
  expect(new Set(ports).size).toBe(50);
  expect(await Promise.all(ports.map(isPortFree))).toEqual(Array(50).fill(true));
});

test('a port that is listened on is not free', async () => {
  const port = await freePort();
  const listener = createServer().listen(port, '127.0.0.1');
  await once(listener, 'listening');
  expect(await isPortFree(port)).toBe(false);
  listener.close();
  await once(listener, 'close');
  expect(await isPortFree(port)).toBe(true);
});
