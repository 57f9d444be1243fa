import { expect, test } from 'vitest';
import type { Ctx } from '../http/request-log.ts';
import { createTenantReads } from './tenant-reads.ts';

const request = { env: {}, req: { raw: new Request('http://errand.test/jobs') } } as unknown as Ctx;

/** What happens when one tenant asks for ten lists together. */
async function askTen(dwarfsOthers: boolean): Promise<{ mostAtOnce: number; counted: string[] }> {
  const counted: string[] = [];
  let underWay = 0;
  let mostAtOnce = 0;
  const share = { add: (tenantId: string) => counted.push(tenantId), dwarfsOthers: () => dwarfsOthers };
  const list = createTenantReads(5, share).limited(async () => {
    mostAtOnce = Math.max(mostAtOnce, ++underWay);
    await Promise.resolve();
    underWay--;
    return new Response();
  });
  const caller = { tenantId: 'acme' } as Parameters<typeof list>[1];
  await Promise.all(Array.from({ length: 10 }, () => list(request, caller)));
  return { mostAtOnce, counted };
}

test('a tenant that reads most gets one list after the other', async () => {
  expect((await askTen(true)).mostAtOnce).toBe(1);
});

test('any other tenant has all its turns, and each read counts', async () => {
  const { mostAtOnce, counted } = await askTen(false);
  expect([mostAtOnce, counted]).toEqual([5, Array.from({ length: 10 }, () => 'acme')]);
});
