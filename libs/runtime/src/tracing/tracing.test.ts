import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { openTracing } from './tracing.ts';

/** More than are exported at once. */
const SPANS = 2_000;

async function startReceiver(answer: RequestListener) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.dispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

test.each<[string, RequestListener | undefined]>([
  ['hangs', () => {}],
  ['never ends its answer', (_, response) => void response.writeHead(200).write('x')],
  ['refuses', (request, response) => void request.resume().on('end', () => response.writeHead(500).end())],
  ['is away', undefined],
])('a receiver that %s holds up no stop and fills no log', async (_, answer) => {
  using receiver = await startReceiver(answer ?? (() => {}));
  if (!answer) receiver[Symbol.dispose]();
  const told: string[] = [];
  const tracing = await openTracing({
    service: 'test',
    endpoint: receiver.url,
    share: 1,
    onError: (error) => told.push(error.message),
  });
  for (let count = 0; count < SPANS; count++) tracing?.begin('a', { kind: 'server' }).end();
  const began = performance.now();
  await tracing?.[Symbol.asyncDispose]();
  expect(performance.now() - began).toBeLessThan(10_000);
  expect(told.length).toBeLessThanOrEqual(1);
  expect(told.join()).not.toMatch(/stack/);
});
