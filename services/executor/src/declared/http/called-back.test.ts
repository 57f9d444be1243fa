/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: the form of a secret is what is tested */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestFile, type TestFile } from '../../../test/declarations.ts';

let file: TestFile;
beforeAll(async () => {
  file = await createTestFile({ TOKEN: 'tok-1' });
});
afterAll(() => file[Symbol.asyncDispose]());

const http = (call: string) => `actions: { quote: { http: ${call} } }`;

test('the secret of a callback is in no text of its action', async () => {
  const action = await file.one(`actions:
  quote:
    http:
      url: http://127.0.0.1:1/?notify={{callback_url}}
      callback: { verify: { header: x-sig, hmac_sha256: '\${secret:TOKEN}' }, within_s: 1.5 }
`);
  expect(action.callback.withinMs).toBe(1_500);
  expect(action.callback.terms()).toEqual({
    result: '',
    verify: { header: 'x-sig', hmac_sha256: 'tok-1' },
    methods: ['POST', 'PUT'],
  });
  expect(JSON.stringify(action)).not.toContain('tok-1');
});

test.each([
  [
    'a callback that nobody is told of',
    http("{ url: 'http://x/', callback: {} }"),
    /callback: needs {{callback_url}} in url, headers or body/,
  ],
  [
    'a callback URL that nobody calls',
    http("{ url: 'http://x/', body: '{{callback_url}}' }"),
    /{{callback_url}} is only for endpoints with callback/,
  ],
  [
    'a callback URL in a path',
    http("{ url: 'http://x/{{callback_url}}', callback: {} }"),
    /url: {{callback_url}} must be in the query/,
  ],
  [
    'what is polled and calls back',
    http("{ url: 'http://x/', body: '{{callback_url}}', callback: {}, poll: { header: location } }"),
    /callback: an endpoint is polled or calls back/,
  ],
  [
    'a result of the start of what calls back',
    http("{ url: 'http://x/', body: '{{callback_url}}', callback: {}, response: /a }"),
    /response: is only for endpoints that answer at once/,
  ],
  [
    'a signature under a secret that there is not',
    http(
      "{ url: 'http://x/', body: '{{callback_url}}', callback: { verify: { header: x-sig, hmac_sha256: '${secret:NOBODY}' } } }",
    ),
    /callback\.verify\.hmac_sha256: the environment has no NOBODY/,
  ],
  [
    'a signature in what is no header',
    http(
      "{ url: 'http://x/', body: '{{callback_url}}', callback: { verify: { header: 'x sig', hmac_sha256: s } } }",
    ),
    /callback\.verify\.header: is not a header name/,
  ],
  [
    'terms that do not fit in an event',
    http(`{ url: 'http://x/', body: '{{callback_url}}', callback: { result: '/${'a'.repeat(1_000)}' } }`),
    /callback: has more than 1000 bytes/,
  ],
  [
    'a cancel of what nobody knows',
    http(
      "{ url: 'http://x/', body: '{{callback_url}}', callback: { cancel: { url: 'http://x/{nobody}' } } }",
    ),
    /callback\.cancel\.url: \{nobody\} is in neither/,
  ],
])('%s is refused', async (_, yaml, words) => {
  await expect(file.load(yaml)).rejects.toThrow(words);
});
