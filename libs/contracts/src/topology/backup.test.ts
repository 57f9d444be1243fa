import { expect, test } from 'vitest';
import { backupOrder } from './backup.ts';
import { BUCKETS, DEFAULT_TOPOLOGY, streams } from './topology.ts';

test('a backup has every stream and bucket once, but for those that say who is alive', () => {
  const all = [
    ...streams(DEFAULT_TOPOLOGY).map(({ name }): string => name),
    ...Object.values(BUCKETS).map((name) => `KV_${name}`),
  ];
  const left = ['KV_probes', 'KV_executors'];
  expect(backupOrder().toSorted()).toEqual(all.filter((name) => !left.includes(name)).toSorted());
});

test('what refers to something is taken before it', () => {
  const order = backupOrder();
  const pairs = [
    ['AUDIT', 'JOBS'],
    ['DEAD_LETTERS', 'JOBS'],
    ['JOBS', 'OBJ_payloads'],
    ['JOBS', 'KV_idempotency'],
    ['JOBS', 'KV_actions'],
    ['KV_api_keys', 'KV_tenants'],
    ['KV_webhook_endpoints', 'KV_tenants'],
    ['KV_tenants', 'CONFIG'],
  ] as const;
  for (const [before, after] of pairs) {
    expect(order.indexOf(before), `${before} before ${after}`).toBeLessThan(order.indexOf(after));
  }
});
