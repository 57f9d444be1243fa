import { type Bus, openBus } from '@errand/bus';
import { connectionOf } from '@errand/bus/testing';
import { ApiKey, Tenant } from '@errand/contracts';
import { type Db, openDatabase } from '@errand/postgres';
import { createLogger, parseConfig } from '@errand/runtime';
import {
  createTestDatabase,
  startTestNats,
  type TestDatabase,
  type TestNats,
  waitUntil,
} from '@errand/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { settings } from '../src/config.ts';
import { startProjection } from '../src/start.ts';

let nats: TestNats;
let database: TestDatabase;
let bus: Bus;
let db: Db;
let projection: AsyncDisposable;

beforeAll(async () => {
  nats = await startTestNats();
  database = await createTestDatabase();
  const config = parseConfig(settings, {
    NATS_URL: nats.url,
    DATABASE_URL: database.url,
    ERRAND_OPS_PORT: '0',
    ERRAND_TENANT_DELETION_GRACE_MS: '1000',
    ERRAND_PROJECTION_REBUILD_LOOK_MS: '100',
  });
  const context = {
    log: createLogger({ service: 'projection', level: 'silent' }),
    signal: new AbortController().signal,
    fail: (error: unknown) => void Promise.reject(error),
  };
  bus = await openBus({ servers: nats.url, name: 'test', topology: config });
  projection = await startProjection(config, context);
  db = openDatabase({ url: database.url, name: 'test', poolSize: 2 });
});
afterAll(async () => {
  await projection?.[Symbol.asyncDispose]();
  await db?.destroy();
  await bus?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

const tenant = (tenant_id: string): Tenant => ({ tenant_id, created_at: '2026-01-01T00:00:00.000Z' });
const isOver = async (tenant_id: string) => {
  const answer = await bus.commands.askProjection('deletion_status', { tenant_id });
  return answer.kind === 'none';
};

async function makeTenant(id: string) {
  const tenants = await bus.buckets.watchRecorded('tenant', Tenant);
  const keys = await bus.buckets.watchRecorded('key', ApiKey);
  await tenants.by('admin').put(id, tenant(id));
  await keys.by('admin').put(`0${id}`, { ...tenant(id), name: 'k' });
  return { tenants, keys };
}

test('keys are gone once the deletion is noted down, also while another one is under way', async () => {
  const first = await makeTenant('first');
  await makeTenant('second');
  await bus.commands.askProjection('delete_tenant', { tenant_id: 'first', actor: 'admin' });
  await bus.commands.askProjection('delete_tenant', { tenant_id: 'second', actor: 'admin' });
  expect([await first.keys.get('0first'), await first.keys.get('0second')]).toEqual([undefined, undefined]);
  expect((await first.tenants.get('second'))?.deleting).toBe(true);
  await waitUntil(async () => (await isOver('first')) && (await isOver('second')), { timeoutMs: 20_000 });
});

test('a key that was still being made when its tenant was closed is removed too', async () => {
  const { keys } = await makeTenant('late');
  await bus.commands.askProjection('delete_tenant', { tenant_id: 'late', actor: 'admin' });
  await keys.by('admin').put('0late2', { ...tenant('late'), name: 'k' });
  await waitUntil(() => isOver('late'), { timeoutMs: 20_000 });
  expect(await keys.get('0late2')).toBeUndefined();
});

test.each(['bulk_actions', 'portal_sessions', 'schedule_progress'])(
  '%s are gone with their tenant, and those of others stay',
  async (bucket) => {
    await makeTenant('bulky');
    const put = (key: string) => connectionOf(bus).request(`$KV.${bucket}.${key}`, '{}');
    await put('bulky.1');
    await put('bulky-too.1');
    await bus.commands.askProjection('delete_tenant', { tenant_id: 'bulky', actor: 'admin' });
    await put('bulky.2');
    await waitUntil(() => isOver('bulky'), { timeoutMs: 20_000 });
    const subject = async (key: string) =>
      (
        await connectionOf(bus).request(
          `$JS.API.STREAM.MSG.GET.KV_${bucket}`,
          JSON.stringify({ last_by_subj: `$KV.${bucket}.${key}` }),
        )
      ).json<{ message?: { subject: string } }>().message?.subject;
    expect(await Promise.all(['bulky.1', 'bulky.2', 'bulky-too.1'].map(subject))).toEqual([
      undefined,
      undefined,
      `$KV.${bucket}.bulky-too.1`,
    ]);
  },
);

test('a tenant that was made anew is not deleted by a deletion that had ended but for its note', async () => {
  const { tenants, keys } = await makeTenant('again');
  const row = { tenant_id: 'again', requested_at: new Date().toISOString(), actor: 'admin' };
  await db
    .insertInto('tenant_deletion')
    .values({ ...row, step: 'ending', removed: 0, error: null })
    .execute();
  await waitUntil(() => isOver('again'), { timeoutMs: 20_000 });
  expect(await tenants.get('again')).toEqual(tenant('again'));
  expect(await keys.get('0again')).toBeDefined();
});
