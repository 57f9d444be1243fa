import { createHmac, randomBytes } from 'node:crypto';
import { WEBHOOK_EVENT_TYPES, type WebhookEventType } from '@errand/contracts';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { UsageError } from '../errors.ts';
import { type VerifiedWebhook, verifyWebhook, type WebhookHeaders } from './verify-webhook.ts';
import type { JobEnded, WebhookEvent } from './webhook-event.ts';

const NOW_S = Math.floor(Date.now() / 1_000);
const now = () => NOW_S * 1_000;
const ID = '019a5b1c-0000-7000-8000-000000000002';
const newSecret = (bytes: Uint8Array = randomBytes(32)) => `whsec_${Buffer.from(bytes).toString('base64')}`;
const SECRET = newSecret();

const EVENT: JobEnded = {
  type: 'job.succeeded',
  timestamp: '2026-01-01T00:00:04.000Z',
  data: {
    job_id: '019a5b1c-0000-7000-8000-000000000001',
    status: 'succeeded',
    metadata: { order: 'ä 7' },
    action: 'render',
    tenant_id: 'acme',
    resource: { design_id: 'd-1' },
    version: 4,
    finished_at: '2026-01-01T00:00:04.000Z',
    links: { job: 'https://errand.example/v2/tenants/acme/jobs/019a5b1c-0000-7000-8000-000000000001' },
  },
};
const BODY = JSON.stringify(EVENT);
const VERIFIED = { kind: 'verified', id: ID, event: EVENT };

/** Signs as the webhooks service does. */
function signatureOf(secret: string, { id = ID, timestampS = NOW_S, body = BODY } = {}): string {
  const mac = createHmac('sha256', Buffer.from(secret.slice('whsec_'.length), 'base64'));
  return `v1,${mac.update(`${id}.${timestampS}.${body}`).digest('base64')}`;
}

const headersOf = (signature: string, timestampS: number | string = NOW_S) => ({
  'webhook-id': ID,
  'webhook-timestamp': String(timestampS),
  'webhook-signature': signature,
});
const SIGNED = headersOf(signatureOf(SECRET));
const HEADER_NAMES = ['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const;
const refused = (code: string) => ({ kind: 'refused', code });
const verify = (
  headers: WebhookHeaders,
  body: string | Uint8Array = BODY,
  secret: string | string[] = SECRET,
) => verifyWebhook(headers, body, secret, { now });

describe('a call that Errand signed', () => {
  test('is verified here and by the standardwebhooks library', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 80 }), fc.object(), async (key, data) => {
        const secret = newSecret(key);
        const body = JSON.stringify({ ...EVENT, data });
        const headers = headersOf(signatureOf(secret, { body }));
        const event = JSON.parse(body);
        expect(await verify(headers, body, secret)).toEqual({ kind: 'verified', id: ID, event });
        expect(new Webhook(secret).verify(body, headers)).toEqual(event);
      }),
      { numRuns: 50 },
    );
  });

  test('is verified from text, from bytes, and from bytes inside a larger buffer', async () => {
    const bytes = Buffer.from(`x${BODY}`).subarray(1);
    for (const body of [BODY, Buffer.from(BODY), new TextEncoder().encode(BODY), bytes]) {
      expect(await verify(SIGNED, body)).toEqual(VERIFIED);
    }
  });

  test.each<[string, WebhookHeaders]>([
    ['a Headers object', new Headers(SIGNED)],
    [
      'names in other cases',
      Object.fromEntries(Object.entries(SIGNED).map(([k, v]) => [k.toUpperCase(), v])),
    ],
    ['lists of values', Object.fromEntries(Object.entries(SIGNED).map(([k, v]) => [k, [v]]))],
    ['an object with more in it', { ...SIGNED, get: 'x', host: undefined }],
  ])('is verified with its headers in %s', async (_, headers) => {
    expect(await verify(headers)).toEqual(VERIFIED);
  });

  test('is verified with a secret that lost its prefix', async () => {
    expect(await verify(SIGNED, BODY, SECRET.slice('whsec_'.length))).toEqual(VERIFIED);
  });

  test('is verified without a body when it is a GET, which proves nothing that its URL says', async () => {
    const headers = headersOf(signatureOf(SECRET, { body: '' }));
    const proven = { kind: 'verified_without_body', id: ID };
    expect(await verify(headers, '')).toEqual(proven);
    expect(await verify(headers, new Uint8Array())).toEqual(proven);
  });
});

test('a call that the standardwebhooks library signed is verified', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 80 }), fc.uuid(), async (key, id) => {
      const secret = newSecret(key);
      const signature = new Webhook(secret).sign(id, new Date(now()), BODY);
      const verified = await verify({ ...headersOf(signature), 'webhook-id': id }, BODY, secret);
      expect(verified).toEqual({ ...VERIFIED, id });
    }),
    { numRuns: 50 },
  );
});

describe('while a secret is replaced', () => {
  const old = newSecret();
  const both = headersOf(`${signatureOf(SECRET)} ${signatureOf(old)}`);

  test('a receiver that knows only one of the two secrets verifies the call', async () => {
    expect(await verify(both, BODY, SECRET)).toEqual(VERIFIED);
    expect(await verify(both, BODY, old)).toEqual(VERIFIED);
    expect(await verify(both, BODY, newSecret())).toEqual(refused('wrong_signature'));
  });

  test('a receiver that knows both verifies calls signed with either', async () => {
    expect(await verify(headersOf(signatureOf(old)), BODY, [SECRET, old])).toEqual(VERIFIED);
    expect(await verify(SIGNED, BODY, [old, SECRET])).toEqual(VERIFIED);
  });

  test('signatures of other versions next to ours do no harm, and none replaces ours', async () => {
    const ours = signatureOf(SECRET);
    expect(await verify(headersOf(`v1a,AAAA v2,x v1 v1, ${ours}`))).toEqual(VERIFIED);
    expect(await verify(headersOf(ours.replace('v1,', 'v2,')))).toEqual(refused('wrong_signature'));
  });
});

describe('a call is refused', () => {
  test.each([...HEADER_NAMES, 'body'] as const)('when any one bit of its %s is flipped', async (part) => {
    const whole = Buffer.from(part === 'body' ? BODY : SIGNED[part]);
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const flipped = Buffer.from(whole);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const verified = await (part === 'body'
        ? verify(SIGNED, flipped)
        : verify({ ...SIGNED, [part]: flipped.toString('latin1') }));
      expect({ bit, kind: verified.kind }).toEqual({ bit, kind: 'refused' });
    }
  });

  test('when its signature is spelled in another way that loose decoders accept', async () => {
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
    const right = signatureOf(SECRET);
    // 32 bytes leave two bits of the last letter unused.
    const spareBitSet = `${right.slice(0, -2)}${letters[letters.indexOf(right.at(-2) ?? '') + 1]}=`;
    for (const signature of [spareBitSet, right.slice(0, -1), `${right}\n`]) {
      expect(Buffer.from(signature.slice(3), 'base64')).toEqual(Buffer.from(right.slice(3), 'base64'));
      expect(await verify(headersOf(signature))).toEqual(refused('wrong_signature'));
    }
  });

  test('whenever the standardwebhooks library refuses it', async () => {
    const words = fc.constantFrom(
      '',
      '.',
      ' ',
      ',',
      'v1,',
      'v1',
      'x',
      '0',
      `${NOW_S}`,
      ID,
      SIGNED['webhook-signature'],
    );
    const text = fc.array(words, { maxLength: 3 }).map((each) => each.join(''));
    const headers = fc.record({ 'webhook-id': text, 'webhook-timestamp': text, 'webhook-signature': text });
    await fc.assert(
      fc.asyncProperty(headers, fc.constantFrom(BODY, `${BODY} `), async (given, body) => {
        let isRefused = false;
        try {
          new Webhook(SECRET).verify(body, given);
        } catch {
          isRefused = true;
        }
        if (isRefused) expect((await verify(given, body)).kind).toBe('refused');
      }),
      { numRuns: 2_000, examples: [[SIGNED, `${BODY} `]] },
    );
  });

  test.each(HEADER_NAMES)('when %s is missing, empty or given as an empty list', async (name) => {
    for (const value of [undefined, '', []]) {
      expect(await verify({ ...SIGNED, [name]: value })).toEqual(refused('missing_header'));
    }
    const headers = new Headers(SIGNED);
    headers.delete(name);
    expect(await verify(headers)).toEqual(refused('missing_header'));
  });

  test.each(['soon', '1e9', '-1', '1.5', '0x10', `${NOW_S}x`, '1'.repeat(13)])(
    'when its time is %s',
    async (timestamp) => {
      expect(await verify(headersOf(signatureOf(SECRET), timestamp))).toEqual(refused('bad_timestamp'));
    },
  );

  test('when it was signed more than the tolerance ago or ahead, by default five minutes', async () => {
    const at = (aheadS: number, options: { toleranceS?: number } = {}) => {
      const timestampS = NOW_S + aheadS;
      const headers = headersOf(signatureOf(SECRET, { timestampS }), timestampS);
      return verifyWebhook(headers, BODY, SECRET, { now, ...options });
    };
    expect(await at(-300)).toEqual(VERIFIED);
    expect(await at(-301)).toEqual(refused('too_old'));
    expect(await at(300)).toEqual(VERIFIED);
    expect(await at(301)).toEqual(refused('too_new'));
    expect(await at(-11, { toleranceS: 10 })).toEqual(refused('too_old'));
    expect(await at(-301, { toleranceS: 600 })).toEqual(VERIFIED);
    expect(await at(0, { toleranceS: Number.NaN })).toEqual(refused('too_old'));
  });

  test.each<[string, string | string[]]>([
    ['empty', ''],
    ['a prefix alone', 'whsec_'],
    ['not base64', 'whsec_not base64!'],
    ['a list of none', []],
    ['a list with a bad one', [SECRET, 'whsec_?']],
  ])('when the secret is %s', async (_, secret) => {
    expect(await verify(SIGNED, BODY, secret)).toEqual(refused('bad_secret'));
  });

  test.each<[string, string | Uint8Array, string]>([
    ['not JSON', 'hello', 'not_json'],
    ['not UTF-8', new Uint8Array([0x22, 0xff, 0x22]), 'not_json'],
    ['JSON and no event', '{"id":1}', 'not_an_event'],
    ['null', 'null', 'not_an_event'],
  ])('when its body is signed but %s', async (_, body, code) => {
    const mac = createHmac('sha256', Buffer.from(SECRET.slice('whsec_'.length), 'base64'));
    mac.update(`${ID}.${NOW_S}.`).update(body);
    expect(await verify(headersOf(`v1,${mac.digest('base64')}`), body)).toEqual(refused(code));
  });
});

test('a body that was parsed already is a bug of the receiver, not an answer', async () => {
  await expect(verify(SIGNED, EVENT as unknown as string)).rejects.toThrow(UsageError);
});

test('an event of a type that a later server introduced is passed on', async () => {
  const body = JSON.stringify({ ...EVENT, type: 'job.paused' });
  const verified = await verify(headersOf(signatureOf(SECRET, { body })), body);
  expect(verified).toMatchObject({ kind: 'verified', event: { type: 'job.paused' } });
});

test('the types name every event that the service sends of a job', () => {
  expectTypeOf<JobEnded['type']>().toEqualTypeOf<WebhookEventType>();
  const statuses: JobEnded['data']['status'][] = ['succeeded', 'failed', 'canceled', 'expired'];
  expect(statuses.map((status) => `job.${status}`)).toEqual([...WEBHOOK_EVENT_TYPES]);
  const dataOf = (verified: VerifiedWebhook): WebhookEvent['data'] | undefined =>
    verified.kind === 'verified' ? verified.event.data : undefined;
  expect(dataOf(VERIFIED as VerifiedWebhook)).toBe(EVENT.data);
});
