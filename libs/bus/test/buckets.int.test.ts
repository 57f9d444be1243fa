import { BUCKETS, Tenant } from '@errand/contracts';
import { startTestNats, type TestNats } from '@errand/testkit';
import { jetstreamManager } from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { watch } from '../src/buckets/buckets.ts';
import type { Bus } from '../src/bus.ts';
import { connectionOf } from '../src/testing.ts';
import { openTestBus } from './bus.ts';

let nats: TestNats;
let bus: Bus;
beforeAll(async () => {
  nats = await startTestNats();
  bus = await openTestBus(nats.url);
});
afterAll(async () => {
  await bus?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

const tenant = (tenant_id: string): Tenant => ({ tenant_id, created_at: '2026-01-01T00:00:00.000Z' });

test('a value is read back until it is deleted', async () => {
  const bucket = await bus.buckets.open(BUCKETS.tenants, Tenant);
  await bucket.put('a', tenant('a'));
  expect(await bucket.get('a')).toEqual(tenant('a'));
  await bucket.delete('a');
  expect(await bucket.get('a')).toBeUndefined();
});

test('create accepts a key once', async () => {
  const bucket = await bus.buckets.open(BUCKETS.tenants, Tenant);
  expect(await bucket.create('once', tenant('once'))).toBe(true);
  expect(await bucket.create('once', tenant('other'))).toBe(false);
  expect(await bucket.get('once')).toEqual(tenant('once'));
});

test('concurrent changes are all made, and an absent key stays absent', async () => {
  const bucket = await bus.buckets.open(BUCKETS.tenants, Tenant);
  await bucket.put('counted', { ...tenant('counted'), created_at: '2026-01-01T00:00:00.000Z' });
  const later = (stored: Tenant): Tenant => ({
    ...stored,
    created_at: new Date(Date.parse(stored.created_at) + 1).toISOString(),
  });
  await Promise.all(Array.from({ length: 20 }, () => bucket.change('counted', later)));
  expect((await bucket.get('counted'))?.created_at).toBe('2026-01-01T00:00:00.020Z');
  await bucket.delete('counted');
  expect(await bucket.change('counted', later)).toBeUndefined();
  expect(await bucket.get('counted')).toBeUndefined();
});

test('a watched bucket holds what was there and follows what changes', async () => {
  const bucket = await bus.buckets.open(BUCKETS.tenants, Tenant);
  await bucket.put('before', tenant('before'));
  let changed = Promise.withResolvers<[string, Tenant | undefined]>();
  const watched = await bus.buckets.watch(BUCKETS.tenants, Tenant, (key, value) =>
    changed.resolve([key, value]),
  );
  expect(watched.peek('before')).toEqual(tenant('before'));
  changed = Promise.withResolvers();
  await bucket.put('after', tenant('after'));
  expect(await changed.promise).toEqual(['after', tenant('after')]);
  changed = Promise.withResolvers();
  await bucket.delete('before');
  expect(await changed.promise).toEqual(['before', undefined]);
  expect(watched.peek('before')).toBeUndefined();
  watched.close();
});

test('an empty bucket can be watched', async () => {
  const watched = await bus.buckets.watch(BUCKETS.webhookEndpoints, Tenant);
  expect([...watched.entries()]).toEqual([]);
  watched.close();
});

test('a bucket whose last entry is gone when its watch begins can be watched', async () => {
  const kv = await new Kvm(connectionOf(bus)).create('expiring');
  await kv.put('last', JSON.stringify(tenant('last')));
  const expiring = {
    status: () => kv.status(),
    async watch() {
      const jsm = await jetstreamManager(connectionOf(bus));
      await jsm.streams.purge('KV_expiring');
      return kv.watch();
    },
  };
  const watched = await watch(expiring as KV, Tenant, () => {});
  expect([...watched.entries()]).toEqual([]);
  watched.close();
});

test('a value that does not fit counts as absent', async () => {
  const bucket = await bus.buckets.open(BUCKETS.tenants, Tenant);
  await bucket.put('odd', { tenant_id: 'not a tenant!', created_at: 'never' });
  expect(await bucket.get('odd')).toBeUndefined();
});

test('a watched bucket that has caught up holds all that was stored before', async () => {
  const bucket = await bus.buckets.open(BUCKETS.tenants, Tenant);
  const watched = await bus.buckets.watch(BUCKETS.tenants, Tenant);
  for (let round = 0; round < 50; round++) {
    await bucket.put(`round-${round}`, tenant('round'));
    await watched.caughtUp();
    expect(watched.peek(`round-${round}`)).toEqual(tenant('round'));
    await bucket.delete(`round-${round}`);
    await watched.caughtUp();
    expect(watched.peek(`round-${round}`)).toBeUndefined();
  }
  watched.close();
});

test('a value that is not JSON counts as absent and ends no watch', async () => {
  const bucket = await bus.buckets.open(BUCKETS.tenants, Tenant);
  const watched = await bus.buckets.watch(BUCKETS.tenants, Tenant);
  await connectionOf(bus).request('$KV.tenants.bad', 'not JSON');
  await bucket.put('good', tenant('good'));
  await watched.caughtUp();
  expect(watched.peek('bad')).toBeUndefined();
  expect(watched.peek('good')).toEqual(tenant('good'));
  expect(await bucket.get('bad')).toBeUndefined();
  watched.close();
});
