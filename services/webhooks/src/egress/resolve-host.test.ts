import { expect, test } from 'vitest';
import { createHostResolver, createSystemQuery } from './resolve-host.ts';

function resolverOf(answer: (asked: number) => { address: string; ttl: number }[]) {
  const clock = { nowMs: 0, asked: 0 };
  const resolve = createHostResolver(
    async () => answer(++clock.asked),
    () => clock.nowMs,
  );
  return { clock, resolve };
}

test.each([
  ['of 0', 0, 5_000],
  ['of 30 s', 30, 30_000],
  ['of an hour', 3_600, 60_000],
])('an answer with a time to live %s is remembered for 5 to 60 s', async (_, ttl, keptMs) => {
  const { clock, resolve } = resolverOf((asked) => [{ address: `1.1.1.${asked}`, ttl }]);
  expect(await resolve('a')).toEqual(['1.1.1.1']);
  clock.nowMs = keptMs - 1;
  expect(await resolve('a')).toEqual(['1.1.1.1']);
  clock.nowMs = keptMs;
  expect(await resolve('a')).toEqual(['1.1.1.2']);
});

test('a failure is remembered for 5 s', async () => {
  const { clock, resolve } = resolverOf((asked) => {
    if (asked === 1) throw Object.assign(new Error('?'), { code: 'ENOTFOUND' });
    return [{ address: '1.1.1.1', ttl: 5 }];
  });
  await expect(resolve('a')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  clock.nowMs = 4_999;
  await expect(resolve('a')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  clock.nowMs = 5_000;
  expect(await resolve('a')).toEqual(['1.1.1.1']);
});

test('who asks for the same name at the same time shares one query', async () => {
  const { clock, resolve } = resolverOf(() => [{ address: '1.1.1.1', ttl: 5 }]);
  await Promise.all([resolve('a'), resolve('a'), resolve('b')]);
  expect(clock.asked).toBe(2);
});

test('no more than 256 queries are under way at once, and none is lost', async () => {
  let underWay = 0;
  let most = 0;
  const resolve = createHostResolver(async () => {
    most = Math.max(most, ++underWay);
    await new Promise((done) => setImmediate(done));
    underWay--;
    return [{ address: '1.1.1.1', ttl: 5 }];
  });
  const names = Array.from({ length: 1_000 }, (_, index) => `h${index}`);
  expect(await Promise.all(names.map(resolve))).toHaveLength(1_000);
  expect(most).toBe(256);
});

test('the system knows localhost', async () => {
  const addresses = await createHostResolver(createSystemQuery())('localhost');
  expect(addresses.some((address) => address === '127.0.0.1' || address === '::1')).toBe(true);
});
