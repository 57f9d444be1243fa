import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { signatureOf } from './signature.ts';

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
