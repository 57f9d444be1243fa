import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { composeRequest, loggedHeaders, signatureOf } from './compose-request.ts';
import type { OpenedSecrets } from './secrets.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const message = {
  event_id: '019a5b1c-0000-7000-8000-000000000001',
  tenant_id: 'acme',
  job_id: '019a5b1c-0000-7000-8000-000000000002',
  action: 'render',
  status: 'succeeded',
  body: '{"ä":1}',
};

function compose(
  target: { url?: string; method?: 'POST' | 'GET' } = {},
  secrets: Partial<OpenedSecrets> = {},
  nowMs = Date.now(),
) {
  return composeRequest({
    target: { endpointId: 'whe_1', url: 'https://a.example/hook', method: 'POST', ...target },
    secrets: { signingSecret: SECRET, previousSecrets: [], basicAuth: null, headers: {}, ...secrets },
    message,
    attempt: 3,
    trigger: 'auto',
    nowMs,
  });
}

test('a POST carries the body as it was stored, and a signature over it', () => {
  const request = compose();
  expect(request).toMatchObject({ method: 'POST', url: 'https://a.example/hook', body: message.body });
  expect(request.headers).toMatchObject({
    'content-type': 'application/json',
    'user-agent': 'errand-webhooks/1',
    'webhook-id': message.event_id,
    'errand-delivery': `${message.event_id}.whe_1`,
    'errand-attempt': '3',
    'errand-trigger': 'auto',
  });
  expect(new Webhook(SECRET).verify(message.body, request.headers)).toEqual({ ä: 1 });
});

test('results become the last member of the data, and the signature covers them', () => {
  const { body, headers } = composeRequest({
    target: { endpointId: 'whe_1', url: 'https://a.example/hook', method: 'POST' },
    secrets: { signingSecret: SECRET, previousSecrets: [], basicAuth: null, headers: {} },
    message: { ...message, body: '{"data":{"a":{}}}', results: '{"results":{"b":"}}"}}' },
    attempt: 1,
    trigger: 'auto',
    nowMs: Date.now(),
  });
  expect(body).toBe('{"data":{"a":{},"results":{"b":"}}"}}}');
  expect(new Webhook(SECRET).verify(body ?? '', headers)).toEqual({ data: { a: {}, results: { b: '}}' } } });
});

test('webhook-timestamp is the second of the attempt', () => {
  expect(compose({}, {}, 1_767_225_600_999).headers['webhook-timestamp']).toBe('1767225600');
});

test('basic auth is UTF-8 in base64', () => {
  const { headers } = compose({}, { basicAuth: { username: 'test', password: '123£' } });
  // The example of RFC 7617, 2.1.
  expect(headers.authorization).toBe('Basic dGVzdDoxMjPCow==');
});

test('secret headers are sent, and cannot take the place of those of the protocol', () => {
  const { headers } = compose({}, { headers: { 'x-key': 's3cret', 'webhook-id': 'other' } });
  expect(headers).toMatchObject({ 'x-key': 's3cret', 'webhook-id': message.event_id });
});

test('a GET has its placeholders filled in, as typed or percent-encoded, and no body', () => {
  const url = 'https://a.example/<TENANT_ID>/%3Caction%3E?job_id=<JOB_ID>&status=%3CSTATUS%3E&x=<OTHER>';
  const request = compose({ url, method: 'GET' }, { headers: { 'x-key': 's3cret' } });
  expect(request.url).toBe(
    `https://a.example/acme/render?job_id=${message.job_id}&status=succeeded&x=<OTHER>`,
  );
  expect(request.body).toBeNull();
  expect(request.headers).not.toHaveProperty('content-type');
  expect(request.headers['x-key']).toBe('s3cret');
});

test("a GET's signature is over the empty body", () => {
  const { headers } = compose({ method: 'GET' });
  const id = message.event_id;
  const timestamp = new Date(Number(headers['webhook-timestamp']) * 1_000);
  expect(headers['webhook-signature']).toBe(new Webhook(SECRET).sign(id, timestamp, ''));
});

test('what fills a placeholder is percent-encoded', () => {
  const request = composeRequest({
    target: { endpointId: 'whe_1', url: 'https://a.example/?s=<STATUS>', method: 'GET' },
    secrets: { signingSecret: SECRET, previousSecrets: [], basicAuth: null, headers: {} },
    message: { ...message, status: 'a b&c=$&' },
    attempt: 1,
    trigger: 'auto',
    nowMs: 0,
  });
  expect(request.url).toBe('https://a.example/?s=a%20b%26c%3D%24%26');
});

test('while a secret is being replaced, whoever knows either one can verify, until the old one expires', () => {
  const old = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;
  const nowMs = Date.now();
  const during = compose({}, { previousSecrets: [{ secret: old, expiresMs: nowMs + 1 }] }, nowMs);
  for (const secret of [SECRET, old]) new Webhook(secret).verify(message.body, during.headers);
  const after = compose({}, { previousSecrets: [{ secret: old, expiresMs: nowMs }] }, nowMs);
  new Webhook(SECRET).verify(message.body, after.headers);
  expect(() => new Webhook(old).verify(message.body, after.headers)).toThrow();
});

test('the log keeps the names of secret headers and no secret', () => {
  const secrets = {
    signingSecret: SECRET,
    previousSecrets: [],
    basicAuth: { username: 'me', password: 'pa55' },
    headers: { 'X-Key': 's3cret' },
  };
  const headers = loggedHeaders(compose({}, secrets), secrets);
  expect(headers).toMatchObject({
    authorization: '[redacted]',
    'X-Key': '[redacted]',
    'errand-attempt': '3',
  });
  expect(JSON.stringify(headers)).not.toMatch(/s3cret|bWU6cGE1NQ/);
});

const secretOf = (bytes: Uint8Array) => `whsec_${Buffer.from(bytes).toString('base64')}`;

test('the standardwebhooks library verifies every signature', () => {
  const timestampS = Math.floor(Date.now() / 1_000);
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 24, maxLength: 64 }),
      fc.uuid({ version: 7 }),
      fc.json(),
      (key, id, body) => {
        const secret = secretOf(key);
        const headers = {
          'webhook-id': id,
          'webhook-timestamp': String(timestampS),
          'webhook-signature': signatureOf(secret, { id, timestampS, body }),
        };
        expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
      },
    ),
    { numRuns: 50 },
  );
});

test('another id, time, body or secret makes another signature', () => {
  const secret = secretOf(randomBytes(32));
  const signed = { id: 'a', timestampS: 1, body: '{}' };
  const signatures = [
    signatureOf(secret, signed),
    signatureOf(secret, { ...signed, id: 'b' }),
    signatureOf(secret, { ...signed, timestampS: 2 }),
    signatureOf(secret, { ...signed, body: '[]' }),
    signatureOf(secretOf(randomBytes(32)), signed),
  ];
  expect(new Set(signatures).size).toBe(5);
});
