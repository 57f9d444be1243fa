import { ConfigError, parseConfig } from '@errand/runtime';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { settings } from '../src/config.ts';
import { routes } from '../src/routes.ts';
import { RUN_PATH, startTestGateway, TENANT, type TestGateway } from './gateway.ts';

const APP = 'https://app.example.com';
let gateway: TestGateway;
let closed: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway({ corsOrigins: [APP, 'http://localhost:3000'] });
  closed = await startTestGateway();
});
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await closed?.[Symbol.asyncDispose]();
});

const preflight = (to: TestGateway, origin: string, path = RUN_PATH) =>
  to.call(path, {
    method: 'OPTIONS',
    token: null,
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,idempotency-key',
    },
  });

test('a page of an allowed origin may send what callers send, without a key for the preflight', async () => {
  const { status, headers } = await preflight(gateway, APP);
  expect(status).toBe(204);
  expect(headers.get('access-control-allow-origin')).toBe(APP);
  const used = routes.filter(({ path }) => path.startsWith('/v2/')).map(({ method }) => method.toUpperCase());
  const allowed = headers.get('access-control-allow-methods')?.split(',') ?? [];
  expect(allowed.toSorted()).toEqual([...new Set(used)].sort());
  expect(headers.get('access-control-allow-headers')).toMatch(
    /authorization.*idempotency-key.*last-event-id/,
  );
  expect(headers.get('access-control-allow-credentials')).toBeNull();
});

test('it may read answers and refusals, and the headers that tell about them', async () => {
  const headers = { origin: APP };
  for (const path of [
    `/v2/tenants/${TENANT}/actions`,
    `/v2/tenants/${TENANT}/nothing`,
    '/v2/tenants/x/jobs',
  ]) {
    const answer = await gateway.call(path, { headers });
    expect(answer.headers.get('access-control-allow-origin')).toBe(APP);
    expect(answer.headers.get('access-control-expose-headers')).toMatch(/etag.*retry-after.*x-request-id/);
    expect(answer.headers.get('vary')).toMatch(/origin/i);
  }
});

test('a page of another origin may not, nor may any page call the administration', async () => {
  for (const origin of ['https://evil.example.com', `${APP}.evil.com`, 'null']) {
    expect((await preflight(gateway, origin)).headers.get('access-control-allow-origin')).toBeNull();
  }
  const admin = await preflight(gateway, APP, '/admin/verifications');
  expect(admin.headers.get('access-control-allow-origin')).toBeNull();
});

test('no page may call a gateway that was told of no origin', async () => {
  const { status, headers } = await preflight(closed, APP);
  expect([status, headers.get('access-control-allow-origin')]).toEqual([405, null]);
});

test.each(['https://app.example.com/', 'app.example.com', 'https://a.example.com,', 'https://*.example.com'])(
  'the gateway refuses to start with %s as an origin',
  (value) => {
    const { corsOrigins } = settings;
    expect(() => parseConfig({ corsOrigins }, { ERRAND_CORS_ORIGINS: value })).toThrow(ConfigError);
  },
);
