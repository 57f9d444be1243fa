import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createTenantBytes } from './tenant-bytes.ts';

test('a tenant has what the log has of it, and at most a stretch more', () => {
  const event = fc.record({ tenant: fc.constantFrom('a', 'b'), bytes: fc.nat(1_000) });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), fc.nat(61), (events, before) => {
      const known = createTenantBytes(4);
      for (const [version, { tenant, bytes }] of events.entries()) known.take(tenant, { version, bytes });
      known.forgetBefore(before);
      for (const tenant of ['a', 'b']) {
        const sumFrom = (first: number) =>
          events
            .slice(Math.max(0, first))
            .reduce((sum, each) => sum + (each.tenant === tenant ? each.bytes + 200 : 0), 0);
        expect(known.of(tenant)).toBeGreaterThanOrEqual(sumFrom(before));
        expect(known.of(tenant)).toBeLessThanOrEqual(sumFrom(before - 3));
      }
    }),
  );
});

test('of a long log the stretches get longer, and nothing is lost or kept for good', () => {
  const known = createTenantBytes(1);
  for (let version = 1; version <= 100_000; version++) known.take(`t${version % 7}`, { version, bytes: 100 });
  const sum = () =>
    Array.from({ length: 7 }, (_, nr) => known.of(`t${nr}`)).reduce((all, each) => all + each, 0);
  expect(sum()).toBe(100_000 * 300);
  known.forgetBefore(50_001);
  expect(sum()).toBeGreaterThanOrEqual(50_000 * 300);
  expect(sum()).toBeLessThan(52_000 * 300);
  known.forgetBefore(100_001);
  expect(sum()).toBe(0);
});

test('of large events no more is counted that has left the log than a stretch has bytes', () => {
  const known = createTenantBytes();
  const bytes = 250_000;
  for (let version = 1; version <= 1_000; version++) known.take('a', { version, bytes });
  known.forgetBefore(901);
  expect(known.of('a')).toBeGreaterThanOrEqual(100 * bytes);
  expect(known.of('a')).toBeLessThan(120 * bytes);
});
