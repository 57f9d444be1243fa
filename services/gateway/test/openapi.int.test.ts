import { waitUntil } from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SIMULATE, startTestGateway, type TestGateway } from './gateway.ts';

let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startTestGateway();
});

afterAll(() => gateway[Symbol.asyncDispose]());

const document = (headers: Record<string, string> = {}) =>
  gateway.call('/openapi.json', { token: null, headers });

test('anybody reads the document, which is the same until an action comes or changes', async () => {
  const path = '/v2/tenants/{tenant_id}/designs/{design_id}/simulate/run';
  const first = await waitUntil(async () => {
    const answer = await document();
    return answer.json.paths[path] ? answer : undefined;
  });
  expect(first.status).toBe(200);
  expect(first.json.openapi).toBe('3.1.0');
  const etag = first.headers.get('etag') ?? '';
  expect((await document()).headers.get('etag')).toBe(etag);
  expect((await document({ 'if-none-match': etag })).status).toBe(304);

  await gateway.announce({ ...SIMULATE, name: 'another', resource: '' });
  const second = await waitUntil(async () => {
    const answer = await document({ 'if-none-match': etag });
    return answer.status === 200 ? answer : undefined;
  });
  expect(Object.keys(second.json.paths)).toContain('/v2/tenants/{tenant_id}/another/run');
  expect(second.json.paths[path]).toEqual(first.json.paths[path]);
});

test('the page of the document lets only scripts of this server run, and names them by what is in them', async () => {
  const page = await gateway.call('/docs', { token: null });
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  const policy = page.headers.get('content-security-policy')?.split('; ') ?? [];
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  expect(page.text).not.toMatch(/<script(?! src="\/docs\/[\w.]+"><\/script>)/);

  const files = [...page.text.matchAll(/src="([^"]+)"/g)].map(([, path]) => path ?? '');
  expect(files).toHaveLength(2);
  for (const path of files) {
    const read = (coding: string) =>
      gateway.call(path, { token: null, headers: { 'accept-encoding': coding } });
    const compressed = await read('gzip, br');
    const plain = await read('gzip, br;q=0');
    expect(compressed.headers.get('content-encoding')).toBe('br');
    expect(compressed.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(compressed.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(plain.text.length).toBeGreaterThan(200);
    expect(plain.text === compressed.text).toBe(true);
  }
  const none = await gateway.call('/docs/scalar.js', { token: null });
  expect(none).toMatchObject({ status: 404, json: { code: 'unknown_route' } });
});
