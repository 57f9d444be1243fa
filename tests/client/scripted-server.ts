import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type SeenRequest, sendJson } from './script.ts';
import { SCRIPTS } from './scripts.ts';

/**
 * A real server that misbehaves as asked. The client's tenant says how: `<script>.<anything>` follows one of the
 * scripts, and `GET /seen/<tenant>` lists the requests of that tenant. `/hook` receives webhooks. Pages of any origin
 * may call it.
 */
export interface ScriptedServer extends AsyncDisposable {
  readonly url: string;
}

const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, POST, PATCH, DELETE',
  'access-control-allow-headers':
    'authorization, content-type, idempotency-key, if-none-match, last-event-id, traceparent',
  'access-control-expose-headers': 'etag, retry-after, x-request-id, content-disposition, content-length',
};

export async function startScriptedServer(): Promise<ScriptedServer> {
  const seen = new Map<string, SeenRequest[]>();
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(CORS)) response.setHeader(name, value);
    if (request.method === 'OPTIONS') return response.writeHead(204).end();
    if (request.url === '/hook') return response.writeHead(204).end();
    const [, prefix, , tenant = '', ...words] = (request.url ?? '').split('/');
    if (prefix === 'seen')
      return sendJson(response, 200, seen.get((request.url ?? '').split('/')[2] ?? '') ?? []);
    const list = seen.get(tenant) ?? [];
    seen.set(tenant, list);
    void follow({ tenant, path: `/${words.join('/')}`, list }, request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function follow(
  place: { tenant: string; path: string; list: SeenRequest[] },
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const { method = '', headers } = incoming;
  const body = Buffer.concat(chunks).toString();
  const request = { method, path: place.path, headers, body, atMs: Date.now(), wasLeft: false };
  place.list.push(request);
  response.on('close', () => {
    request.wasLeft = !response.writableFinished;
  });
  const script = SCRIPTS[place.tenant.split('.')[0] ?? ''];
  if (!script) throw new Error(`there is no script ${place.tenant}`);
  await script({ request, count: place.list.length, response });
}
