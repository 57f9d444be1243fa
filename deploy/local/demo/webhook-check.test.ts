import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { basicAuthorization, isSignedWith, redact } from './webhook-check.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const NOW_S = 1_800_000_000;

function signedCall(body: string) {
  const signature = new Webhook(SECRET).sign('event-1', new Date(NOW_S * 1000), body);
  const headers = {
    'webhook-id': 'event-1',
    'webhook-timestamp': String(NOW_S),
    'webhook-signature': signature,
  };
  return { method: 'POST', url: '/hook', headers, body };
}

test('a call that the reference implementation signed is accepted, also as one of several signatures', () => {
  const call = signedCall('{"type":"job.succeeded"}');
  expect(isSignedWith(call, SECRET, NOW_S + 10)).toBe(true);
  const rotated = `v1,${Buffer.alloc(32).toString('base64')} ${call.headers['webhook-signature']}`;
  const headers = { ...call.headers, 'webhook-signature': rotated };
  expect(isSignedWith({ ...call, headers }, SECRET, NOW_S)).toBe(true);
});

test('another body, another secret, an old timestamp and a missing header are refused', () => {
  const call = signedCall('{}');
  expect(isSignedWith({ ...call, body: '{ }' }, SECRET, NOW_S)).toBe(false);
  expect(isSignedWith(call, `whsec_${Buffer.alloc(32, 8).toString('base64')}`, NOW_S)).toBe(false);
  expect(isSignedWith(call, SECRET, NOW_S + 301)).toBe(false);
  const headers = { ...call.headers, 'webhook-timestamp': 'soon' };
  expect(isSignedWith({ ...call, headers }, SECRET, NOW_S)).toBe(false);
  expect(isSignedWith({ ...call, headers: {} }, SECRET, NOW_S)).toBe(false);
});

test('basic auth is the example of RFC 7617, and a redacted secret keeps eight characters', () => {
  const header = basicAuthorization({ username: 'Aladdin', password: 'open sesame' });
  expect(header).toBe('Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==');
  expect(redact(header)).toBe('Basic QW…');
  expect(redact('short')).toBe('…');
});
