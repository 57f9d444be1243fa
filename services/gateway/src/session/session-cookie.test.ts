import { createSecretBox } from '@errand/runtime';
import { expect, test } from 'vitest';
import { createSessions } from './session-cookie.ts';

const box = createSecretBox(Buffer.alloc(32, 1).toString('base64'));
const HOUR_MS = 3_600_000;
const OWN = { 'sec-fetch-site': 'same-origin', 'errand-console': '1' };

function begin(host: string, nowMs = 0) {
  const clock = { ms: nowMs };
  const ended = new Set<string>();
  const spent = {
    peek: (id: string) => (ended.has(id) ? {} : undefined),
    create: async (id: string) => !ended.has(id) && ended.add(id).size > 0,
  };
  const sessions = createSessions({ adminKeys: ['admin-key'], box, spent, now: () => clock.ms });
  const { cookie } = sessions.begin({ keyId: 'k' }, { host, nowMs, endsMs: Number.POSITIVE_INFINITY });
  const [pair = ''] = cookie.split(';');
  const read = (headers: Record<string, string> = {}, method = 'GET') =>
    sessions.read(
      new Request(`http://${host}/`, { method, headers: { host, cookie: pair, ...OWN, ...headers } }),
    );
  return { cookie, read, clock };
}

test('a cookie of a host on the net is for https and this host alone', () => {
  const { cookie, read } = begin('errand.example.org');
  expect(cookie).toMatch(
    /^__Host-errand_session=v1\.\S+; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200; Secure$/,
  );
  expect(read()?.keyId).toBe('k');
});

test('a cookie of this machine has the port in its name, since browsers share it between ports', () => {
  expect(begin('localhost:8080').cookie).toMatch(/^errand_session_8080=/);
  expect(begin('[::1]:9000').cookie).toMatch(/^errand_session_9000=/);
  expect(begin('127.0.0.1').cookie).toMatch(/^errand_session_80=/);
  expect(begin('localhost.example.org').cookie).toMatch(/^__Host-/);
});

test('a session ends by the clock, whatever the browser keeps', () => {
  const { read, clock } = begin('localhost');
  clock.ms = 12 * HOUR_MS - 1;
  expect(read()).toBeDefined();
  clock.ms = 12 * HOUR_MS;
  expect(read()).toBeUndefined();
});

test('a changed cookie opens nothing', () => {
  const { read, cookie } = begin('localhost');
  const [pair = ''] = cookie.split(';');
  // The last characters of base64 may differ and mean the same.
  const changed = pair.replace(/.(?=.{40}$)/, (each) => (each === 'A' ? 'B' : 'A'));
  expect(read({ cookie: changed })).toBeUndefined();
  expect(read({ cookie: pair.replace('errand_session', 'errand_other') })).toBeUndefined();
  expect(read({ cookie: `a=b; ${pair}; c=d` })).toBeDefined();
  expect(read({ cookie: `errand_session_80=junk; ${pair}` })).toBeDefined();
});
