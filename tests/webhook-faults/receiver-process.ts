/*
 * Endpoints under load, in their own process: each request is recorded and answered after a delay, or never. The
 * arguments are the number of ports and the delay in milliseconds, `never` for no answer. The IPC messages:
 *
 *   {kind: 'take'}            → {arrivals}: what has come since the last time
 *   {kind: 'until', count}    → {} once so many have come since the last `take`
 *   {kind: 'open'}            → {open}: requests that are not answered
 *   {kind: 'first'}           → {first}: the first request that ever came
 *   {kind: 'drop'}            → {} once all connections are cut
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from './open-jobs.ts';
import type { Arrivals, Asked } from './remote-receiver.ts';

const ports = Number(process.argv[2]);
const delayMs = process.argv[3] === 'never' ? Number.POSITIVE_INFINITY : Number(process.argv[3]);

let arrivals: Arrivals = { eventIds: [], paths: [], atMs: [] };
let open = 0;
let waiting: { count: number; id: number } | undefined;
let first: { headers: Record<string, unknown>; body: string } | undefined;

const servers: Server[] = [];
for (let port = 0; port < ports; port++) servers.push(await listen());
process.send?.({ ports: servers.map((server) => (server.address() as AddressInfo).port) });

process.on('message', async (asked: Asked & { id: number }) => {
  const answer = (data: object) => process.send?.({ id: asked.id, ...data });
  switch (asked.kind) {
    case 'take':
      answer({ arrivals });
      arrivals = { eventIds: [], paths: [], atMs: [] };
      return;
    case 'until':
      waiting = { count: asked.count, id: asked.id };
      return tellWhoWaits();
    case 'open':
      return answer({ open });
    case 'first':
      return answer({ first });
    case 'drop':
      for (const server of servers) server.closeAllConnections();
      return answer({});
  }
});
process.once('disconnect', () => process.exit());

async function listen(): Promise<Server> {
  const server = createServer((request, response) => {
    open += 1;
    response.once('close', () => {
      open -= 1;
    });
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.once('end', async () => {
      arrivals.eventIds.push(String(request.headers['webhook-id']));
      arrivals.paths.push(request.url ?? '');
      arrivals.atMs.push(monotonicMs());
      first ??= { headers: request.headers, body: Buffer.concat(chunks).toString() };
      tellWhoWaits();
      if (delayMs === Number.POSITIVE_INFINITY) return;
      if (delayMs > 0) await sleep(delayMs);
      response.writeHead(200, { 'content-length': 2 }).end('ok');
    });
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function tellWhoWaits(): void {
  if (!waiting || arrivals.atMs.length < waiting.count) return;
  process.send?.({ id: waiting.id });
  waiting = undefined;
}
