import { expect, test } from 'vitest';
import { jobQueueId } from './target.ts';

test('the URLs of single runs have queues of their own, and a tenant never more than 1,024', () => {
  const queue = (path: string, tenant = 'acme') => jobQueueId(tenant, `https://example.com/${path}`);
  expect(queue('a')).toBe(queue('a'));
  expect(new Set([queue('a'), queue('b'), queue('a?x=1'), queue('a', 'beta')]).size).toBe(4);
  const queues = new Set(Array.from({ length: 20_000 }, (_, index) => queue(`${index}`)));
  expect(queues.size).toBe(1_024);
});
