import { expect, test } from 'vitest';
import { run } from '../../../test/command.ts';
import { startTestGateway } from '../../../test/gateway.ts';

const KEY = {
  key_id: 'k1',
  tenant_id: 't',
  name: 'n',
  created_at: '2026-01-01T00:00:00Z',
  api_key: 'errand_x',
};
const COMMANDS = [
  'keys list',
  'keys create n --scopes jobs:read',
  'keys rotate k1 --grace 1h',
  'keys delete k1',
];

async function askedBy(env: (env: Readonly<Record<string, string>>) => Record<string, string>, more = '') {
  const own = '/v2/tenants/t/keys';
  await using gateway = await startTestGateway({
    [`GET ${own}`]: { body: { keys: [KEY] } },
    [`POST ${own}`]: { body: KEY },
    [`POST ${own}/k1/rotate`]: { body: KEY },
    [`DELETE ${own}/k1`]: { body: {} },
    'GET /v2/tenants/other/keys': { body: { keys: [] } },
    'GET /admin/tenants/t/keys': { body: { keys: [KEY] } },
    'POST /admin/tenants/t/keys': { body: KEY },
    'POST /admin/keys/k1/rotate': { body: KEY },
    'DELETE /admin/keys/k1': { body: {} },
  });
  for (const words of more === '' ? COMMANDS : [more]) {
    const { code, said } = await run(words.split(' '), env(gateway.env));
    expect([words, code, said]).toEqual([words, 0, '']);
  }
  return gateway.asked;
}

test('without an admin key, keys are managed with the key of the tenant', async () => {
  const asTenant = ({ ERRAND_ADMIN_KEY: _, ...env }: Readonly<Record<string, string>>) => env;
  const path = '/v2/tenants/t/keys';
  expect(await askedBy(asTenant)).toEqual([
    ...[`GET ${path}`, `POST ${path}`, `POST ${path}/k1/rotate`, `DELETE ${path}/k1`],
  ]);
  expect(await askedBy(asTenant, 'keys list --tenant other')).toEqual(['GET /v2/tenants/other/keys']);
});

test('with an admin key, keys of every tenant are', async () => {
  expect(await askedBy((env) => ({ ...env }))).toEqual([
    ...['GET /admin/tenants/t/keys', 'POST /admin/tenants/t/keys'],
    ...['POST /admin/keys/k1/rotate', 'DELETE /admin/keys/k1'],
  ]);
});
