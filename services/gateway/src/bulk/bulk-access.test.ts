import { expect, test } from 'vitest';
import { assertRoom, assertRoomForNew } from './bulk-access.ts';
import type { BulkHead } from './bulk-store.ts';

const bulkOf = (count: number, tenantId: string) => {
  const head = (place: number): BulkHead => ({
    tenant_id: tenantId,
    bulk_id: String(place),
    actor: 'key:a',
    state: 'done',
    lease: null,
  });
  const heads = Array.from({ length: count }, (_, place) => head(place));
  return { store: { heads: () => heads } as never, perTenant: 3 };
};

test('a tenant that has 10,000 bulk actions begins no other one, and may go on with those that it has', () => {
  expect(() => assertRoomForNew(bulkOf(9_999, 'a'), 'a')).not.toThrow();
  expect(() => assertRoomForNew(bulkOf(10_000, 'a'), 'a')).toThrow('too_many_bulk_actions');
  expect(() => assertRoom(bulkOf(10_000, 'a'), 'a')).not.toThrow();
  expect(() => assertRoomForNew(bulkOf(10_000, 'b'), 'a')).not.toThrow();
});
