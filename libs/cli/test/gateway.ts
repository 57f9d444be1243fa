import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface TestAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface TestGateway extends AsyncDisposable {
  readonly url: string;
  /** The settings of a user of this server. */
  readonly env: Readonly<Record<string, string>>;
  /** Method and path of each request. */
  readonly asked: readonly string[];
  /** What came with each request, as text. */
  readonly bodies: readonly string[];
}

/** A server that answers JSON by method and path without a query, such as `GET /v2/tenants/t/jobs`; 404 without one. */
export async function startTestGateway(answers: Readonly<Record<string, TestAnswer>>): Promise<TestGateway> {
  const asked: string[] = [];
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    const line = `${request.method} ${request.url}`;
    asked.push(line);
    bodies.push(await text(request));
    const { status = 200, headers = {}, body } = answers[line.split('?')[0] ?? ''] ?? NOT_FOUND;
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    asked,
    bodies,
    env: { ERRAND_URL: url, ERRAND_TENANT: 't', ERRAND_API_KEY: 'k', ERRAND_ADMIN_KEY: 'a' },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

const NOT_FOUND: TestAnswer = { status: 404, body: { code: 'unknown_route', detail: 'nothing here' } };
