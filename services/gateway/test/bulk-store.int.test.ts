import { randomUUIDv7 } from 'node:crypto';
import { type Bus, openBus } from '@errand/bus';
import { type BulkAction, DEFAULT_TOPOLOGY } from '@errand/contracts';
import { startTestNats } from '@errand/testkit';
import { expect, test } from 'vitest';
import { openBulkStore } from '../src/bulk/bulk-store.ts';

test('a bulk action that is being made counts, also if somebody looks for it before it is there', async () => {
  await using nats = await startTestNats();
  await using bus = await openBus({ servers: nats.url, name: 'test', topology: DEFAULT_TOPOLOGY });
  const asked = Promise.withResolvers<void>();
  /** Makes nothing before somebody has looked for it. */
  const open: Bus['buckets']['open'] = async (...wanted) => {
    const bucket = await bus.buckets.open(...wanted);
    const create: typeof bucket.create = async (...made) => {
      await asked.promise;
      return bucket.create(...made);
    };
    return { ...bucket, create };
  };
  using store = await openBulkStore({ ...bus, buckets: { ...bus.buckets, open } });
  const bulk_id = randomUUIDv7();
  const action: BulkAction = {
    bulk_id,
    tenant_id: 'acme',
    action: 'cancel',
    filter: { job_ids: [randomUUIDv7()] },
    only: {},
    up_to: 0,
    matched: 0,
    created_by: 'k',
    actor: 'key:k',
    created_at: new Date().toISOString(),
    started_at: null,
    ended_at: null,
    state: 'running',
    counts: { done: 0, skipped: 0, failed: 0 },
    skips: {},
    failures: [],
    cursor: null,
    page: null,
    lease: null,
  };
  const making = store.create(action);
  expect(await store.find('acme', bulk_id)).toBeUndefined();
  expect(store.heads().map((head) => head.bulk_id)).toEqual([bulk_id]);
  asked.resolve();
  expect(await making).toBe(true);
});
