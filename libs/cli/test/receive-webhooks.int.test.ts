import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ReceivedCall, receiveWebhooks } from '../src/commands/webhooks/receive-webhooks.ts';

const KEY = Buffer.from('a key of thirty-two bytes, about');
const SECRET = `whsec_${KEY.toString('base64')}`;
const BODY = '{"type":"webhook.test","timestamp":"2026-01-31T12:00:00Z","data":{"é":1} }';

/** Follows the Standard Webhooks specification, version v1. */
function signed(body: string): Record<string, string> {
  const at = String(Math.floor(Date.now() / 1_000));
  const signature = createHmac('sha256', KEY).update(`msg_1.${at}.${body}`).digest('base64');
  return { 'webhook-id': 'msg_1', 'webhook-timestamp': at, 'webhook-signature': `v1,${signature}` };
}

interface Passed {
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let app: AsyncDisposable & { readonly url: string; readonly passed: Passed[] };
let calls: ReceivedCall[];

beforeEach(async () => {
  calls = [];
  const passed: Passed[] = [];
  const server = createServer(async (request, response) => {
    passed.push({ url: request.url, headers: request.headers, body: await text(request) });
    response.writeHead(418).end();
  });
  const listening = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', listening.resolve);
  await listening.promise;
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/app`;
  app = {
    url,
    passed,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
});
afterEach(() => app[Symbol.asyncDispose]());

const receive = (forwardTo: string | undefined) =>
  receiveWebhooks({ port: 0, secrets: () => [SECRET], forwardTo, onCall: (call) => calls.push(call) });

test('a verified call is passed on byte for byte with its signature, and gets the answer from there', async () => {
  await using receiver = await receive(app.url);
  const headers = { ...signed(BODY), 'x-token': 'hush' };
  expect((await fetch(receiver.url, { method: 'POST', body: BODY, headers })).status).toBe(418);
  expect(app.passed).toMatchObject([{ url: '/app', body: BODY, headers }]);
  expect(calls).toMatchObject([{ verified: { kind: 'verified' }, answered: 418 }]);
});

test('the query of a GET call is passed on', async () => {
  await using receiver = await receive(app.url);
  await fetch(`${receiver.url}?job_id=j&status=s`, { headers: signed('') });
  expect(app.passed).toMatchObject([{ url: '/app?job_id=j&status=s', body: '' }]);
  expect(calls).toMatchObject([{ verified: { kind: 'verified_without_body' } }]);
});

test('a call that is refused is answered 401 and passed on to nobody', async () => {
  await using receiver = await receive(app.url);
  const answer = await fetch(receiver.url, { method: 'POST', body: `${BODY} `, headers: signed(BODY) });
  expect([answer.status, app.passed]).toEqual([401, []]);
  expect(calls).toMatchObject([{ verified: { kind: 'refused', code: 'wrong_signature' }, answered: 401 }]);
});

test('a body larger than any webhook is neither held nor shown', async () => {
  await using receiver = await receive(app.url);
  const body = 'x'.repeat(1_048_577);
  const answer = await fetch(receiver.url, { method: 'POST', body, headers: signed(body) }).catch(() => null);
  // The connection may be closed before the client has read the answer.
  expect([413, undefined]).toContain(answer?.status);
  expect([calls, app.passed]).toEqual([[], []]);
});

test('a call that cannot be passed on is answered 502, and the reason is shown', async () => {
  await app[Symbol.asyncDispose]();
  await using receiver = await receive(app.url);
  expect((await fetch(receiver.url, { method: 'POST', body: BODY, headers: signed(BODY) })).status).toBe(502);
  expect(calls[0]?.forwardError).toContain('ECONNREFUSED');
});

test('a port that is taken is reported', async () => {
  await using receiver = await receive(undefined);
  const port = Number(new URL(receiver.url).port);
  const taken = receiveWebhooks({ port, secrets: () => [], forwardTo: undefined, onCall: () => {} });
  await expect(taken).rejects.toThrow(`cannot listen on port ${port}`);
});
