import { expect, test } from 'vitest';
import { createUrlRules, readEndpointUrl } from './endpoint-url.ts';

const rules = createUrlRules({ allowHttp: false, allowCidrs: [], denyCidrs: [] });
const GET = { method: 'GET', rules } as const;
const POST = { method: 'POST', rules } as const;

test.each([
  'https://example.com',
  'https://example.com:8443/a?b=c',
  'https://example.com/a@b',
  'https://[2606:4700::1]/a',
])('%s is kept as it is', (url) => {
  expect(readEndpointUrl(url, POST)).toEqual({ kind: 'url', url, basicAuth: undefined });
});

test('a user in the URL is taken out of it', () => {
  expect(readEndpointUrl('https://me:p%40ss:w@example.com/in', POST)).toEqual({
    kind: 'url',
    url: 'https://example.com/in',
    basicAuth: { username: 'me', password: 'p@ss:w' },
  });
  expect(readEndpointUrl('https://me@example.com', POST)).toMatchObject({
    url: 'https://example.com',
    basicAuth: { username: 'me', password: '' },
  });
});

test('the URL of a GET may hold the known placeholders', () => {
  const url = 'https://example.com/<TENANT_ID>/<ACTION>?job_id=<JOB_ID>&status=<STATUS>&again=<JOB_ID>';
  expect(readEndpointUrl(url, GET)).toEqual({ kind: 'url', url, basicAuth: undefined });
});

test.each([
  ['unknown_placeholder', 'https://example.com/<JOB>', GET],
  ['unknown_placeholder', 'https://example.com/<job_id>', GET],
  ['unknown_placeholder', 'https://example.com/a>b', GET],
  ['unknown_placeholder', 'https://example.com/a<b', GET],
  ['unknown_placeholder', 'https://example.com/<JOB_ID>', POST],
  ['format', 'https://<JOB_ID>/', GET],
  ['format', 'https://a.com\\@b.com/', POST],
  ['format', 'https://exa mple.com/', POST],
  ['format', 'https:///example.com', POST],
  ['format', 'example.com/in', POST],
  ['format', 'ftp://example.com', POST],
  ['format', 'https://example.com:99999', POST],
  ['format', 'https://%ff@example.com', POST],
  ['fragment', 'https://example.com/#a', POST],
  ['scheme', 'http://example.com', POST],
  ['address_blocked', 'https://10.0.0.1/x', POST],
  ['address_blocked', 'https://0x7f.1/x', POST],
  ['address_blocked', 'https://[::ffff:169.254.169.254]/', GET],
  ['address_blocked', 'https://localhost:8443/x', POST],
  ['address_blocked', 'https://receiver/x', POST],
] as const)('%s: %s', (code, url, options) => {
  expect(readEndpointUrl(url, options)).toMatchObject({ kind: 'invalid', error: { pointer: '#/url', code } });
});

test('http and addresses that are not public are accepted where they are allowed', () => {
  const local = createUrlRules({ allowHttp: true, allowCidrs: ['127.0.0.0/8'], denyCidrs: [] });
  for (const url of ['http://127.0.0.1:9', 'http://localhost:9']) {
    expect(readEndpointUrl(url, { ...POST, rules: local }).kind).toBe('url');
  }
  expect(readEndpointUrl('http://10.0.0.1/x', { ...POST, rules: local })).toMatchObject({
    error: { code: 'address_blocked' },
  });
});
