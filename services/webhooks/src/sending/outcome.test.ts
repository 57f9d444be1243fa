import fc from 'fast-check';
import { expect, test } from 'vitest';
import { outcomeOf } from './outcome.ts';

const NOW_MS = Date.parse('2026-01-01T00:00:00.000Z');
const TIMES = { nowMs: NOW_MS, maxRetryAfterMs: 3_600_000 };
const answered = (status: number, retryAfter: string | null = null) =>
  outcomeOf({ kind: 'answered', status, retryAfter, response: '' }, TIMES);
const broken = (error: unknown) => outcomeOf({ kind: 'broken', status: null, error }, TIMES);
const failed = (errorCode: string, heldUntilMs: number | null = null) =>
  expect.objectContaining({ kind: 'failed', errorCode, heldUntilMs, final: errorCode === 'gone' });

test.each([200, 201, 204, 299])('%d is delivered', (status) => {
  expect(answered(status)).toEqual({ kind: 'delivered' });
});

test.each([301, 302, 304, 307, 308])('%d is a redirect, which is a failure', (status) => {
  expect(answered(status)).toEqual(failed('redirect'));
});

test.each([400, 401, 404, 500, 502])('%d is a failure whose Retry-After is not heard', (status) => {
  expect(answered(status, '7')).toEqual(failed('http_status'));
});

test.each([429, 503])(
  '%d holds the next attempt for its Retry-After, in seconds or until a date',
  (status) => {
    expect(answered(status, '7')).toEqual(failed('http_status', NOW_MS + 7_000));
    const date = 'Thu, 01 Jan 2026 00:02:00 GMT';
    expect(answered(status, date)).toEqual(failed('http_status', NOW_MS + 120_000));
    expect(answered(status)).toEqual(failed('http_status'));
    expect(answered(status, 'soon')).toEqual(failed('http_status'));
  },
);

test('410 ends the delivery and holds the endpoint for 60 s', () => {
  expect(answered(410)).toEqual(failed('gone', NOW_MS + 60_000));
});

test.each([
  [429, true],
  [500, true],
  [503, true],
  [400, false],
  [410, false],
])('%d is a sign of overload: %s', (status, overloaded) => {
  expect(answered(status)).toMatchObject({ overloaded });
});

test('whatever Retry-After says, it holds for a second to the most that is allowed', () => {
  const headers = fc.oneof(fc.nat().map(String), fc.bigInt({ min: 0n }).map(String), fc.string());
  fc.assert(
    fc.property(headers, (header) => {
      const outcome = answered(429, header);
      if (outcome.kind !== 'failed' || outcome.heldUntilMs === null) return;
      expect(outcome.heldUntilMs - NOW_MS).toBeGreaterThanOrEqual(1_000);
      expect(outcome.heldUntilMs - NOW_MS).toBeLessThanOrEqual(3_600_000);
    }),
  );
});

test.each([
  [{ code: 'ECONNREFUSED' }, 'connection_refused'],
  [{ code: 'UND_ERR_SOCKET' }, 'connection_closed'],
  [{ code: 'ENOTFOUND' }, 'dns_failed'],
  [{ code: 'CERT_HAS_EXPIRED' }, 'tls_failed'],
  [{ code: 'ERR_TLS_CERT_ALTNAME_INVALID' }, 'tls_failed'],
  [{ code: 'HPE_INVALID_CONSTANT' }, 'invalid_response'],
  [new DOMException('late', 'TimeoutError'), 'timeout'],
  [{ code: 'ENODATA' }, 'dns_failed'],
  [{ code: 'ETIMEOUT' }, 'dns_failed'],
  [{ code: 'address_blocked' }, 'address_blocked'],
  [{ code: 'scheme_blocked' }, 'scheme_blocked'],
  [{ code: 'secret_unreadable' }, 'secret_unreadable'],
  [new Error('?'), 'connection_failed'],
  [undefined, 'connection_failed'],
])('%o is %s', (error, errorCode) => {
  expect(broken(error)).toEqual(failed(errorCode));
});
