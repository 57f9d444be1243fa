import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from '../../../../test/command.ts';
import { startTestGateway } from '../../../../test/gateway.ts';

const TENANT = { tenant_id: 'acme', limits: {}, paused: false, created_at: '2026-01-01T00:00:00.000Z' };
const ANSWERS = {
  'GET /admin/tenants/acme': { body: TENANT },
  'GET /admin/tenants/acme/keys': { body: { keys: [] } },
  'GET /admin/tenants/b': { body: { ...TENANT, tenant_id: 'b' } },
  'GET /admin/tenants/b/keys': { body: { keys: [] } },
};

async function applied(text: string, env: Readonly<Record<string, string>> = {}, ...options: string[]) {
  await using dir = await mkdtempDisposable(join(tmpdir(), 'errand-apply-'));
  await writeFile(join(dir.path, 'errand.yaml'), text);
  await writeFile(join(dir.path, 'short'), 'too short\n');
  await writeFile(join(dir.path, 'long'), 'a-token-that-nobody-guesses-0123456789\n');
  await using gateway = await startTestGateway(ANSWERS);
  const ran = await run(['apply', '-f', 'errand.yaml', ...options], { ...gateway.env, ...env }, dir.path);
  return { ...ran, asked: gateway.asked };
}

test.each([
  ['what is no YAML', 'tenants: [', /errand\.yaml is not YAML/],
  ...['1970670598291982290', '0x7fffffffffffffff', '.inf', '1.00000000000000000001e30'].map(
    (number): [string, string, RegExp] => [
      `the number ${number}`,
      `tenants: { acme: { schedules: { a: { action: add,\n input: { n: ${number} } } } } }`,
      /errand\.yaml is wrong: +line 2: [\w.]+ is a number that cannot be kept exactly/,
    ],
  ),
  ['a name twice', 'tenants: { acme: {}, acme: {} }', /not YAML: Map keys must be unique/],
  ['no tenants', 'tenant: {}', /the file: Unrecognized key: "tenant"/],
  ['an unknown limit', 'tenants: { acme: { limits: { max: 1 } } }', /tenants\.acme\.limits: .*"max"/],
  [
    'a limit that is none',
    'tenants: { acme: { limits: { max_running: 0 } } }',
    /acme\.limits\.max_running: /,
  ],
  ['a tenant that is none', 'tenants: { "a b": {} }', /tenants\.a b: /],
  ['a plain token', 'tenants: { acme: { keys: { a: { token: abc } } } }', /tenants\.acme\.keys\.a\.token: /],
  [
    'a password in a URL',
    'tenants: { acme: { endpoints: { a: { url: "https://me:pass@b.example" } } } }',
    /endpoints\.a\.url: must not contain a password/,
  ],
  [
    'a variable that is not set',
    'tenants: { acme: { keys: { a: { token: { env: NONE } } } } }',
    /keys\.a\.token: NONE is not set/,
  ],
  [
    'a file that is not there',
    'tenants: { acme: { keys: { a: { token: { file: none } } } } }',
    /keys\.a\.token: .*none cannot be read: ENOENT/,
  ],
  [
    'a token that can be guessed',
    'tenants: { acme: { keys: { a: { token: { file: short } } } } }',
    /keys\.a\.token is shorter than 32 characters/,
  ],
  [
    'a token of two keys',
    'tenants: { acme: { keys: { a: { token: { file: long } } } }, b: { keys: { c: { token: { file: long } } } } }',
    /tenants\.b\.keys\.c\.token is that of tenants\.acme\.keys\.a\.token, too/,
  ],
])('%s is refused by its name, before anything is changed', async (_, text, message) => {
  const { code, said, asked } = await applied(text);
  expect([code, said]).toEqual([2, expect.stringMatching(message)]);
  expect(said).not.toMatch(/pass@|too short/);
  expect(asked.filter((line) => !line.startsWith('GET'))).toEqual([]);
});

test('a tenant that is as declared is left alone, and so is what the file does not speak of', async () => {
  const { code, out, asked } = await applied('tenants: { acme: { limits: {} } }');
  expect([code, out]).toEqual([0, 'all is as declared\n']);
  expect(asked).toEqual(['GET /admin/tenants/acme']);
});
