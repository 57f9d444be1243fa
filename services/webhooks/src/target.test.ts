import { expect, test } from 'vitest';
import { jobLaneId } from './target.ts';

test('the URLs of single runs have lanes of their own, and a tenant never more than 1,024', () => {
  const lane = (path: string, tenant = 'acme') => jobLaneId(tenant, `https://example.com/${path}`);
  expect(lane('a')).toBe(lane('a'));
  expect(new Set([lane('a'), lane('b'), lane('a?x=1'), lane('a', 'beta')]).size).toBe(4);
  const lanes = new Set(Array.from({ length: 20_000 }, (_, index) => lane(`${index}`)));
  expect(lanes.size).toBe(1_024);
});
