import { expect, test } from 'vitest';
import { run } from '../test/command.ts';
import { startTestGateway, type TestGateway } from '../test/gateway.ts';

/* A gateway that serves admins at an address of their own. */

const ADMIN_COMMANDS = [
  'verify',
  'tenants list',
  'keys list',
  'keys delete k1',
  'audit export',
  'projection rebuild',
  'dead-letters',
  'demand',
  'secrets reseal',
  'sign-in',
  'actions withdraw a',
];
const TENANT_COMMANDS = ['jobs', 'feed', 'stats', 'webhooks list'];

/** What both addresses were asked by commands that know of both. */
async function askedBy(commands: readonly string[]): Promise<{ api: TestGateway; admin: TestGateway }> {
  const api = await startTestGateway({});
  const admin = await startTestGateway({});
  for (const words of commands)
    await run(words.split(' '), { ...api.env, ERRAND_ADMIN_URL: `${admin.url}/` });
  await Promise.all([api, admin].map((each) => each[Symbol.asyncDispose]()));
  return { api, admin };
}

test('commands of admins ask that address alone', async () => {
  const { api, admin } = await askedBy(ADMIN_COMMANDS);
  expect(api.asked).toEqual([]);
  expect(admin.asked.filter((line) => !/^[A-Z]+ \/admin\//.test(line))).toEqual([]);
  expect(admin.asked).toHaveLength(ADMIN_COMMANDS.length);
});

test('commands of a tenant ask the gateway', async () => {
  const { api, admin } = await askedBy(TENANT_COMMANDS);
  expect(admin.asked).toEqual([]);
  expect(api.asked).toHaveLength(TENANT_COMMANDS.length);
});

test('the link that signs in leads there', async () => {
  const made = { path: '/console/sign-in#code=c', expires_at: '2026-01-01T00:00:00Z' };
  await using admin = await startTestGateway({ 'POST /admin/sign-in-codes': { body: made } });
  const env = { ERRAND_URL: 'http://127.0.0.1:1', ERRAND_ADMIN_KEY: 'a', ERRAND_ADMIN_URL: admin.url };
  expect(JSON.parse((await run(['sign-in', '--json'], env)).out).url).toBe(admin.url + made.path);
});

test('where there is nothing for admins, the setting is named, and so is the source of the address', async () => {
  await using api = await startTestGateway({});
  expect((await run(['dead-letters'], api.env)).said).toBe(
    `errand: ${api.url} does not serve this (the address is from ERRAND_URL); if its gateway has another port for admins, set ERRAND_ADMIN_URL\n`,
  );
  const elsewhere = await run(['dead-letters'], { ...api.env, ERRAND_ADMIN_URL: api.url });
  expect(elsewhere.said).toContain('(the address is from ERRAND_ADMIN_URL)');
});
