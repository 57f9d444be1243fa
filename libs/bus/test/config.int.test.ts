import { ActionRecord, ApiKey, BUCKETS, type ConfigChange, Tenant } from '@errand/contracts';
import { startTestNats, type TestNats } from '@errand/testkit';
import { jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Bus } from '../src/bus.ts';
import { createConfigLog } from '../src/config/config-log.ts';
import { configDigest } from '../src/config/config-resources.ts';
import { connectionOf } from '../src/testing.ts';
import { openTestBus } from './bus.ts';

let nats: TestNats;
let bus: Bus;
beforeEach(async () => {
  nats = await startTestNats();
  bus = await openTestBus(nats.url);
});
afterEach(async () => {
  await bus?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

const NOW = Date.now();
const settle = () => bus.config.settle({ actor: 'gateway', now: () => NOW + 60_000, minAgeMs: 1 });
const tenant = (tenant_id: string, weight = 1): Tenant => ({
  tenant_id,
  created_at: '2026-01-01T00:00:00.000Z',
  limits: { weight },
});
const heavier = (stored: Tenant): Tenant => ({
  ...stored,
  limits: { weight: (stored.limits?.weight ?? 0) + 1 },
});

async function recorded(tenantId?: string): Promise<(ConfigChange | undefined)[]> {
  const changes: (ConfigChange | undefined)[] = [];
  for await (const { change } of bus.config.read({ tenantId })) changes.push(change);
  return changes;
}

const rawTenants = () => new Kvm(connectionOf(bus)).open(BUCKETS.tenants);

/** Records a change as a process would that dies before it makes it. */
async function recordOnly(id: string, value: Tenant, revision: number, before: Tenant | undefined) {
  const nc = connectionOf(bus);
  await createConfigLog(nc, await jetstreamManager(nc)).record(
    { kind: 'tenant', tenantId: id, id },
    {
      change: before ? 'updated' : 'created',
      actor: 'admin',
      from_revision: revision,
      digest_before: configDigest('tenant', before),
      digest_after: configDigest('tenant', value),
    },
  );
}

test('each change says who made it, of what, and digests instead of values', async () => {
  const keys = await bus.buckets.watchRecorded('key', ApiKey);
  const key = { tenant_id: 'acme', name: 'a secret name', created_at: '2026-01-01T00:00:00.000Z' };
  await keys.by('admin').put('0a', key);
  await keys.by('admin').put('0a', { ...key, name: 'another' });
  await keys.by('key:1').delete('0a');
  await keys.by('key:1').delete('0a');
  const changes = await recorded('acme');
  expect(changes.map((each) => [each?.change, each?.actor, each?.kind, each?.resource_id])).toEqual([
    ['created', 'admin', 'key', '0a'],
    ['updated', 'admin', 'key', '0a'],
    ['deleted', 'key:1', 'key', '0a'],
  ]);
  expect(changes[0]?.digest_after).toBe(changes[1]?.digest_before);
  expect(changes[2]?.digest_after).toBeNull();
  expect(JSON.stringify(changes)).not.toContain('secret');
  expect(await bus.config.differences(undefined)).toEqual([]);
});

test('of changes that several processes make at once each is recorded, those that came too late as withdrawn', async () => {
  const processes = await Promise.all(
    Array.from({ length: 10 }, () => bus.buckets.watchRecorded('tenant', Tenant)),
  );
  const [tenants] = processes;
  if (!tenants) throw new Error('no process');
  await tenants.by('admin').put('acme', tenant('acme'));
  await Promise.all(processes.map((each) => each.by('admin').change('acme', heavier)));
  expect((await tenants.get('acme'))?.limits?.weight).toBe(11);
  const changes = await recorded('acme');
  const withdrawn = changes.filter((each) => each?.change === 'withdrawn').length;
  expect(changes.length - 2 * withdrawn).toBe(11);
  expect(await bus.config.differences(undefined)).toEqual([]);
});

test('what one process does at once to the same thing is done and recorded one after the other', async () => {
  const tenants = await bus.buckets.watchRecorded('tenant', Tenant);
  const admin = tenants.by('admin');
  await Promise.all(
    Array.from({ length: 10 }, () => admin.upsert('acme', (known = tenant('acme', 0)) => heavier(known))),
  );
  expect((await tenants.get('acme'))?.limits?.weight).toBe(10);
  await Promise.all(Array.from({ length: 10 }, () => admin.delete('acme')));
  const changes = (await recorded('acme')).map((each) => each?.change);
  expect(changes).toEqual(['created', ...Array.from({ length: 9 }, () => 'updated'), 'deleted']);
});

test('a change that nobody made is withdrawn, and its process cannot make it any more', async () => {
  const tenants = await bus.buckets.watchRecorded('tenant', Tenant);
  const kv = await rawTenants();
  await tenants.by('admin').put('acme', tenant('acme'));
  const { revision = 0 } = (await kv.get('acme')) ?? {};
  await recordOnly('acme', tenant('acme', 7), revision, tenant('acme'));
  await recordOnly('fresh', tenant('fresh'), 0, undefined);
  expect((await bus.config.differences(undefined)).length).toBe(2);
  await bus.config.settle({ actor: 'gateway', now: () => NOW, minAgeMs: 3_600_000 });
  expect((await bus.config.differences(undefined)).length).toBe(2);
  await Promise.all([settle(), settle()]);
  expect(await bus.config.differences(undefined)).toEqual([]);
  const woken = [
    kv.put('acme', JSON.stringify(tenant('acme', 7)), { previousSeq: revision }),
    kv.put('fresh', JSON.stringify(tenant('fresh')), { previousSeq: 0 }),
  ];
  expect((await Promise.allSettled(woken)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await tenants.get('acme')).toEqual(tenant('acme'));
});

test('a change that another one overtook is withdrawn', async () => {
  const tenants = await bus.buckets.watchRecorded('tenant', Tenant);
  const kv = await rawTenants();
  await tenants.by('admin').put('acme', tenant('acme'));
  const { revision = 0 } = (await kv.get('acme')) ?? {};
  await tenants.by('admin').put('acme', tenant('acme', 2));
  await recordOnly('acme', tenant('acme', 7), revision, tenant('acme'));
  await settle();
  expect((await recorded('acme')).at(-1)?.change).toBe('withdrawn');
  expect(await bus.config.differences(undefined)).toEqual([]);
});

test('what was there before is recorded as found, once', async () => {
  const kv = await rawTenants();
  await kv.put('old', JSON.stringify(tenant('old')));
  await Promise.all([settle(), settle(), settle()]);
  await settle();
  expect((await recorded()).map((each) => [each?.change, each?.resource_id])).toEqual([['found', 'old']]);
});

test('what is written past the record is told', async () => {
  const tenants = await bus.buckets.watchRecorded('tenant', Tenant);
  await settle();
  for (const id of ['changed', 'deleted', 'same']) await tenants.by('admin').put(id, tenant(id));
  const kv = await rawTenants();
  await kv.put('changed', JSON.stringify(tenant('changed', 9)));
  await kv.delete('deleted');
  await kv.put('forged', JSON.stringify(tenant('forged')));
  await settle();
  const told = (await bus.config.differences(undefined)).map(({ resource, detail }) => [resource.id, detail]);
  expect(told).toEqual([
    ['changed', 'it is not as it was last recorded'],
    ['deleted', 'it is gone, and nobody is recorded to have deleted it'],
    ['forged', 'it is there, and nobody is recorded to have made it'],
  ]);
  expect((await bus.config.differences('same')).length).toBe(0);
  expect((await bus.config.differences('forged')).length).toBe(1);
});

test('of an action, what it offers is recorded, and not who serves it', async () => {
  const actions = await bus.buckets.watchRecorded('action', ActionRecord);
  await actions.by('admin').put('paint', { contracts: [], paused: true });
  await actions.by('scheduler').put('paint', { contracts: [], paused: true });
  await actions.by('admin').put('paint', { contracts: [] });
  expect((await recorded()).map((each) => each?.change)).toEqual(['created', 'updated']);
});
